#include "control/build_output.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

std::string all_of(const BuildOutput& output, std::uint64_t& cursor) {
  std::string all;
  for (std::string chunk = output.next(cursor); !chunk.empty(); chunk = output.next(cursor)) all += chunk;
  return all;
}

TEST(BuildOutput, GivesEachReaderEverythingOnce) {
  BuildOutput output;
  output.append("one\n");
  std::uint64_t early = 0, late = 0;
  EXPECT_EQ(output.next(early), "one\n");
  EXPECT_EQ(output.next(early), "");
  output.append("two\n");
  EXPECT_EQ(output.next(early), "two\n");
  EXPECT_EQ(output.next(late), "one\ntwo\n");
}

TEST(BuildOutput, CutsLongOutputBetweenLines) {
  BuildOutput output;
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "line " + std::to_string(i) + "\n";
  output.append(text);
  std::uint64_t cursor = 0;
  std::string first = output.next(cursor);
  EXPECT_LE(first.size(), BuildOutput::kMaxChunk);
  EXPECT_EQ(first.back(), '\n');
  EXPECT_EQ(first + all_of(output, cursor), text);
}

TEST(BuildOutput, NeverCutsACharacter) {
  BuildOutput output;
  std::string text = "x";
  while (text.size() < 3 * BuildOutput::kMaxChunk) text += "é";
  output.append(text);
  std::uint64_t cursor = 0;
  std::string first = output.next(cursor);
  EXPECT_EQ(first.size() % 2, 1u);
  EXPECT_EQ(first + all_of(output, cursor), text);
}

TEST(BuildOutput, DropsTheOldestAndSaysSo) {
  BuildOutput output;
  for (int i = 0; i < 3000; ++i) output.append(std::string(999, 'x') + "\n");
  std::uint64_t cursor = 0;
  std::string all = all_of(output, cursor);
  EXPECT_LE(all.size(), BuildOutput::kMaxBytes + 100);
  EXPECT_NE(all.find("earlier output was dropped"), std::string::npos);
}

}  // namespace
}  // namespace bimodal::control

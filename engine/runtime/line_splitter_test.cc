#include "runtime/line_splitter.h"

#include <gtest/gtest.h>

#include <vector>

namespace bimodal::runtime {
namespace {

class LineSplitterTest : public testing::Test {
 protected:
  LineSplitter::Sink sink = [this](std::string_view line) { lines.emplace_back(line); };
  LineSplitter splitter;
  std::vector<std::string> lines;
};

TEST_F(LineSplitterTest, CutsAtNewlinesAndKeepsThem) {
  EXPECT_EQ(splitter.feed("one\ntwo\n\nthr", sink), 3u);
  EXPECT_EQ(lines, (std::vector<std::string>{"one\n", "two\n", "\n"}));
  splitter.feed("ee\n", sink);
  EXPECT_EQ(lines.back(), "three\n");
  EXPECT_FALSE(splitter.has_partial_line());
}

TEST_F(LineSplitterTest, CutsALineThatIsTooLong) {
  splitter.feed(std::string(LineSplitter::kMaxLine + 10, 'x') + "\n", sink);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].size(), LineSplitter::kMaxLine);
  EXPECT_EQ(lines[1], std::string(10, 'x') + "\n");
}

TEST_F(LineSplitterTest, NeverCutsWithinACharacter) {
  splitter.feed(std::string(LineSplitter::kMaxLine - 1, 'x') + "é", sink);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].size(), LineSplitter::kMaxLine - 1);
  splitter.feed("\n", sink);
  EXPECT_EQ(lines[1], "é\n");
}

TEST_F(LineSplitterTest, FlushesAnUnfinishedLineButNotAnUnfinishedCharacter) {
  std::string euro = "€";
  splitter.feed("50 " + euro.substr(0, 2), sink);
  EXPECT_TRUE(lines.empty());
  splitter.flush(sink);
  EXPECT_EQ(lines, (std::vector<std::string>{"50 "}));
  splitter.flush(sink);
  EXPECT_EQ(lines.size(), 1u);
  splitter.feed(euro.substr(2), sink);
  splitter.finish(sink);
  EXPECT_EQ(lines.back(), euro);
}

TEST_F(LineSplitterTest, PassesBytesThatAreNotUtf8Verbatim) {
  std::string bytes = "\xff\x80\x80\x80\x80\n";
  splitter.feed(bytes, sink);
  EXPECT_EQ(lines, (std::vector<std::string>{bytes}));
}

}  // namespace
}  // namespace bimodal::runtime

#include "runtime/line_marks.h"

#include <gtest/gtest.h>

namespace bimodal::runtime {
namespace {

TEST(LineMarks, NameTheRequestOfALine) {
  LineMarks marks;
  auto line = marks.read("\x1ein-1 fc-1\x1fhello\n");
  EXPECT_EQ(line.text, "hello\n");
  EXPECT_EQ(line.input_id, "in-1");
  EXPECT_EQ(line.function_call_id, "fc-1");
  EXPECT_EQ(marks.read("plain\n").input_id, "");
}

TEST(LineMarks, HoldForEveryPartOfALine) {
  LineMarks marks;
  EXPECT_EQ(marks.read("\x1ein-1 fc-1\x1fone").input_id, "in-1");
  auto rest = marks.read("two\n");
  EXPECT_EQ(rest.text, "two\n");
  EXPECT_EQ(rest.input_id, "in-1");
  EXPECT_EQ(marks.read("three\n").input_id, "");
}

TEST(LineMarks, AreLeftInTheTextWhenTheyAreNone) {
  const std::string long_id(65, 'a');
  for (const std::string text :
       {std::string("\x1e\n"), std::string("\x1ein-1\x1fx\n"), std::string("\x1e fc-1\x1fx\n"),
        std::string("\x1ein-1 \x1fx\n"), std::string("\x1ein/1 fc-1\x1fx\n"), "\x1e" + long_id + " fc-1\x1fx\n",
        std::string("x\x1ein-1 fc-1\x1f\n"), std::string()}) {
    LineMarks marks;
    auto line = marks.read(text);
    EXPECT_EQ(line.text, text);
    EXPECT_EQ(line.input_id, "");
  }
}

}  // namespace
}  // namespace bimodal::runtime

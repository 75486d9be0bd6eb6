#include "control/utf8.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

TEST(Utf8, LeavesValidTextAlone) {
  for (std::string text : {"", "plain\n", "é €  𝄞", "\x7f"}) EXPECT_EQ(valid_utf8(text), text);
}

TEST(Utf8, ReplacesWhatIsNoSequence) {
  EXPECT_EQ(valid_utf8("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(valid_utf8("\xC3"), "\xEF\xBF\xBD");
  EXPECT_EQ(valid_utf8("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80z").back(), 'z');                         // past U+10FFFF
}

TEST(Utf8, WaitsForTheRestOfACharacterAtTheEnd) {
  EXPECT_EQ(whole_characters("ab"), 2u);
  EXPECT_EQ(whole_characters("ab\xC3"), 2u);
  EXPECT_EQ(whole_characters("ab\xE2\x82"), 2u);
  EXPECT_EQ(whole_characters("ab\xE2\x82\xAC"), 5u);
  EXPECT_EQ(whole_characters("\x80\x80\x80\x80"), 4u);
}

}  // namespace
}  // namespace bimodal::control

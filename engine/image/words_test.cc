#include "image/words.h"

#include <gtest/gtest.h>

namespace bimodal::image {
namespace {

std::optional<std::string> lookup(const std::string& name) {
  if (name == "A") return "value";
  if (name == "EMPTY") return "";
  if (name == "PATH") return "/bin";
  return std::nullopt;
}

struct Case {
  std::string raw, expanded;
};

class ExpandWord : public testing::TestWithParam<Case> {};

TEST_P(ExpandWord, GivesWhatDockerGives) {
  auto result = expand_word(GetParam().raw, lookup);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(*result, GetParam().expanded);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ExpandWord,
    testing::Values(
        Case{"plain", "plain"}, Case{"$A", "value"}, Case{"${A}x", "valuex"}, Case{"$NONE.", "."},
        Case{"/.uv/.venv/bin:$PATH", "/.uv/.venv/bin:/bin"}, Case{"\"$A b\"", "value b"}, Case{"'$A b'", "$A b"},
        Case{"'it'\"'\"'s'", "it's"}, Case{"\\$A", "$A"}, Case{"a\\ b", "a b"}, Case{"\"a\\\"b\"", "a\"b"},
        Case{"\"a\\nb\"", "a\\nb"}, Case{"${NONE:-x}", "x"}, Case{"${EMPTY:-x}", "x"}, Case{"${EMPTY-x}", ""},
        Case{"${A:+y}", "y"}, Case{"${NONE:+y}", ""}, Case{"${NONE:-${A}}", "value"}, Case{"$", "$"}, Case{"$1", "$1"},
        Case{"a\\", "a\\"}, Case{"", ""}));

TEST(ExpandWordErrors, NameTheOpenQuoteOrTheForm) {
  EXPECT_FALSE(expand_word("'open", lookup));
  EXPECT_FALSE(expand_word("\"open", lookup));
  EXPECT_FALSE(expand_word("${A", lookup));
  auto pattern = expand_word("${A%x}", lookup);
  ASSERT_FALSE(pattern);
  EXPECT_NE(pattern.error().message.find("${A%x}"), std::string::npos);
}

TEST(ExpandWordErrors, BoundTheNesting) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "${X:-";
  deep += std::string(100, '}');
  EXPECT_FALSE(expand_word(deep, lookup));
}

TEST(ExpandText, KeepsQuotes) {
  EXPECT_EQ(*expand_text("'$A' \"x\" \\$A\n", lookup), "'value' \"x\" $A\n");
}

TEST(SplitWords, KeepsQuotedSpacesTogether) {
  EXPECT_EQ(split_words(" a 'b c' \"d e\"f g\\ h "), (std::vector<std::string>{"a", "'b c'", "\"d e\"f", "g\\ h"}));
  EXPECT_TRUE(split_words("  ").empty());
}

}  // namespace
}  // namespace bimodal::image

#include "control/web_token.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

TEST(WebToken, TellsItsSubjectUntilItExpires) {
  const std::string token = web_token("key", "ta-1", 100, 200);
  EXPECT_EQ(web_token_subject("key", token, 150), "ta-1");
  EXPECT_FALSE(web_token_subject("key", token, 200));
}

TEST(WebToken, IsGoodForItsKeyAndAsItIsOnly) {
  const std::string token = web_token("key", "ta-1", 100, 200);
  EXPECT_FALSE(web_token_subject("other key", token, 150));
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(web_token_subject("key", changed, 150)) << i;
  }
  for (const char* text : {"", ".", "..", "a.b", "a.b.c", "..."})
    EXPECT_FALSE(web_token_subject("key", text, 150)) << text;
}

}  // namespace
}  // namespace bimodal::control

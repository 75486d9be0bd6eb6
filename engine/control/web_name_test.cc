#include "control/web_name.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

struct Case {
  WebSpace space;
  std::string object, requested, dev_suffix, expected;
  bool truncated = false;
};

const std::string kLong(80, 'x');

TEST(WebName, FollowsItsRules) {
  const Case cases[] = {
      {{"ecorp", "prod", "text_to_speech", false}, "flask_app", "", "", "ecorp-prod--text-to-speech-flask-app"},
      {{"ecorp", "", "app", false}, "hello", "", "", "ecorp--app-hello"},
      {{"ecorp", "", "app", true}, "hello", "", "", "ecorp--app-hello-dev"},
      {{"ecorp", "", "app", true}, "hello", "", "ada", "ecorp--app-hello-ada"},
      {{"ecorp", "", "app", false}, "hello", "", "ada", "ecorp--app-hello"},
      {{"ecorp", "", "app", false}, "hello", "my-label", "", "ecorp--my-label"},
      {{"ecorp", "", "app", true}, "hello", "my-label", "", "ecorp--my-label-dev"},
      {{"ecorp", "", "My App.v2", false}, "__Cls__-Get", "", "", "ecorp--my-app-v2-cls-get"},
      {{"andrew-qian64", "", "vllm-lora-customer-support-classify-support-ticket-dc6d7998", false},
       "serve",
       "",
       "",
       "andrew-qian64--vllm-lora-customer-support-classify-suppo-6a9926",
       true},
      {{"w", "", std::string(55, 'a'), false}, "bcde", "", "", "w--" + std::string(55, 'a') + "-bcde"},
  };
  for (const Case& c : cases) {
    const auto name = web_name(c.space, c.object, c.requested, c.dev_suffix);
    ASSERT_TRUE(name) << c.expected;
    EXPECT_EQ(name->label, c.expected);
    EXPECT_EQ(name->truncated, c.truncated);
  }
}

TEST(WebName, KeepsTheDevSuffixOfATruncatedName) {
  const auto name = web_name({"ecorp", "", kLong, true}, "hello", "", "");
  EXPECT_EQ(name->label.size(), 63u);
  EXPECT_TRUE(name->truncated);
  EXPECT_TRUE(name->label.ends_with("-dev"));
  EXPECT_EQ(name->label[52], '-');
  EXPECT_TRUE(web_name({"ecorp", "", kLong, true}, "hello", "", "ada12345")->label.ends_with("-ada12345"));
}

TEST(WebName, TellsTruncatedNamesApart) {
  EXPECT_NE(
      web_name({"ecorp", "", kLong, false}, "one", "", "")->label,
      web_name({"ecorp", "", kLong, false}, "two", "", "")->label);
}

TEST(WebName, RefusesALabelThatNoHostCanHave) {
  for (const char* label : {"My-Label", "a_b", "a.b", "-a", "a-", "ä", "a b"}) {
    const auto name = web_name({"ecorp", "", "app", false}, "hello", label, "");
    ASSERT_FALSE(name) << label;
    EXPECT_EQ(name.error().code, Code::InvalidArgument);
    EXPECT_NE(name.error().message.find(label), std::string::npos);
  }
}

TEST(WebUrl, LeavesOutTheSchemesOwnPort) {
  EXPECT_EQ(web_url("http", "a.localhost", 8080), "http://a.localhost:8080");
  EXPECT_EQ(web_url("http", "a.localhost", 80), "http://a.localhost");
  EXPECT_EQ(web_url("https", "a.example.com", 443), "https://a.example.com");
}

}  // namespace
}  // namespace bimodal::control

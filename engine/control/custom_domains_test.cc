// custom_domains=: which names are taken, and whose they are.
#include <utility>

#include "control/publish_fixture.h"

namespace bimodal::control {
namespace {

using CustomDomainsTest = PublishTest;

api::Function with_domain(api::Function function, const std::string& domain) {
  function.mutable_webhook_config()->add_custom_domains()->set_name(domain);
  return function;
}

TEST_F(CustomDomainsTest, TakesExactAndWildcardDomainsAndRefusesWhatIsNone) {
  const auto app_id = create_app("web", api::APP_STATE_INITIALIZING);
  api::FunctionCreateResponse response;
  for (const char* good : {"api.example.com", "*.example.com", "*.a-b.example.com"}) {
    EXPECT_TRUE(stage(app_id, with_domain(web_function("hello", "im-1"), good), &response).ok()) << good;
  }
  for (const char* bad :
       {"*.com", "*", "a.*.com", "*a.example.com", "localhost", "a..b", "a.b.", "-a.b", "http://a.b", ""}) {
    const auto status = stage(app_id, with_domain(web_function("hello", "im-1"), bad), &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << bad;
    EXPECT_NE(status.error_message().find("custom_domains="), std::string::npos) << status.error_message();
  }
}

TEST_F(CustomDomainsTest, RefusesADomainOfAnotherDeployedAppByName) {
  deploy("first", {with_domain(web_function("hello", "im-1"), "*.example.com")});
  const auto app_id = create_app("second", api::APP_STATE_INITIALIZING);
  api::FunctionCreateResponse response;
  const auto status = stage(app_id, with_domain(web_function("hello", "im-1"), "*.Example.com"), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_NE(status.error_message().find("*.example.com"), std::string::npos) << status.error_message();
  EXPECT_NE(status.error_message().find("'first'"), std::string::npos) << status.error_message();
  const auto under = stage(app_id, with_domain(web_function("hello", "im-1"), "api.example.com"), &response);
  EXPECT_EQ(under.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_NE(under.error_message().find("'first'"), std::string::npos) << under.error_message();
  EXPECT_TRUE(stage(app_id, with_domain(web_function("hello", "im-1"), "example.org.test"), &response).ok());
}

TEST_F(CustomDomainsTest, RefusesADomainUnderTheBaseDomainAndOneThatIsntAscii) {
  const auto app_id = create_app("web", api::APP_STATE_INITIALIZING);
  api::FunctionCreateResponse response;
  const std::pair<const char*, const char*> table[] = {
      {"api.localhost", "label="},
      {"*.localhost", "custom_domains="},
      {"a.b.LOCALHOST", "label="},
      {"b\xc3\xbc.example", "xn--"}};
  for (const auto& [name, word] : table) {
    const auto status = stage(app_id, with_domain(web_function("hello", "im-1"), name), &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << name;
    EXPECT_NE(status.error_message().find(word), std::string::npos) << status.error_message();
  }
  EXPECT_TRUE(stage(app_id, with_domain(web_function("hello", "im-1"), "xn--b-xga.example"), &response).ok());
  EXPECT_TRUE(stage(app_id, with_domain(web_function("hello", "im-1"), "api.notlocalhost.example"), &response).ok());
}

}  // namespace
}  // namespace bimodal::control

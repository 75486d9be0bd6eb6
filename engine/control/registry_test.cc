#include "control/registry.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

namespace bimodal::control {
namespace {

class RegistryTest : public testing::Test {
 protected:
  struct Options {
    bool ephemeral = false;
    bool stopped = false;
    std::vector<std::string> domains;
  };

  void put(const std::string& id, const std::string& host, double published_at, Options options) {
    auto function = std::make_shared<model::FunctionVersion>();
    function->function_id = "fu-" + id;
    model::WebMethod method;
    method.host = host;
    method.custom_domains = options.domains;
    function->web_methods.push_back(method);
    registry_.put({id, id, "en-1", options.ephemeral, options.stopped, published_at, published_at, {function}, {}});
  }

  // Who answers at `host`, with "!" behind it when it is stopped.
  std::string answers(const std::string& host) {
    for (const auto& route : registry_.routes()) {
      if (route.host == host) return route.function_id + (route.stopped ? "!" : "");
    }
    return "";
  }

  boost::asio::io_context context_;
  Registry registry_{context_.get_executor()};
};

TEST_F(RegistryTest, ANewerAppOfTheSameKindAnswers) {
  put("a", "h", 1, {.ephemeral = true});
  put("b", "h", 2, {.ephemeral = true});
  EXPECT_EQ(answers("h"), "fu-b");
}

TEST_F(RegistryTest, ADeployedAppIsPreferredToANewerEphemeralOne) {
  put("a", "h", 1, {});
  put("b", "h", 2, {.ephemeral = true});
  EXPECT_EQ(answers("h"), "fu-a");
}

TEST_F(RegistryTest, AStoppedAppAnswersOnlyWhenNobodyElseDoes) {
  put("a", "h", 2, {.stopped = true});
  EXPECT_EQ(answers("h"), "fu-a!");
  EXPECT_EQ(registry_.owner("h"), nullptr);
  put("b", "h", 1, {.ephemeral = true});
  EXPECT_EQ(answers("h"), "fu-b");
  registry_.mark_stopped("b");
  EXPECT_EQ(answers("h"), "fu-a!");
}

TEST_F(RegistryTest, ACustomDomainLeadsToTheSameFunction) {
  put("a", "h", 1, {.domains = {"api.example.com"}});
  EXPECT_EQ(answers("api.example.com"), "fu-a");
  EXPECT_EQ(answers("h"), "fu-a");
}

TEST_F(RegistryTest, OnlyRunningDeployedAppsHoldTheirHosts) {
  put("a", "deployed", 1, {});
  put("b", "ephemeral", 1, {.ephemeral = true});
  put("c", "stopped", 1, {.stopped = true});
  EXPECT_EQ(registry_.hosts_taken_from("other").others.size(), 1u);
  EXPECT_TRUE(registry_.hosts_taken_from("a").others.empty());
}

TEST_F(RegistryTest, AWildcardTakesTheNamesUnderItButForThoseThatSomebodyHadBefore) {
  put("early", "h1", 1, {.domains = {"shop.example.com"}});
  put("wild", "h2", 2, {.domains = {"*.example.com"}});
  const TakenHosts others = registry_.hosts_taken_from("new");
  ASSERT_NE(others.owner_of("api.example.com"), nullptr);
  EXPECT_EQ(others.owner_of("api.example.com")->name, "wild");
  EXPECT_EQ(others.owner_of("shop.example.com")->name, "early");
  for (const char* free : {"a.b.example.com", "example.com", "*.b.example.com", "localhost"}) {
    EXPECT_EQ(others.owner_of(free), nullptr) << free;
  }
  EXPECT_EQ(registry_.hosts_taken_from("early").owner_of("shop.example.com"), nullptr);
  EXPECT_EQ(registry_.hosts_taken_from("wild").owner_of("*.example.com"), nullptr);
  EXPECT_EQ(registry_.hosts_taken_from("wild").owner_of("api.example.com"), nullptr);
}

TEST_F(RegistryTest, FindsFunctionsOfRunningAppsOnly) {
  put("a", "h", 1, {});
  EXPECT_NE(registry_.function("fu-a"), nullptr);
  registry_.mark_stopped("a");
  EXPECT_EQ(registry_.function("fu-a"), nullptr);
}

}  // namespace
}  // namespace bimodal::control

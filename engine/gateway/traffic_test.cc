// What the gateway counts: exact numbers after requests of each kind.
#include "gateway/traffic.h"

#include <set>

#include "gateway/edge_error.h"
#include "gateway/test_support.h"

namespace bimodal::gateway {
namespace {

using metrics::Page;

std::string page_of(const Gateway& gateway) {
  Page page;
  gateway.write_metrics(page);
  return page.text();
}

// Waits until the page has that line: counting ends a moment after the caller has read the last byte.
::testing::AssertionResult says(const Rig& rig, const std::string& line) {
  const Deadline patience = Deadline::after(scheduler::kPatience);
  while (!patience.passed()) {
    if (page_of(*rig.gateway).find(line + "\n") != std::string::npos) return ::testing::AssertionSuccess();
    std::this_thread::yield();
  }
  return ::testing::AssertionFailure() << line << " isn't in\n" << page_of(*rig.gateway);
}

constexpr std::string_view kNames = R"(environment="main",app="shop",function="hello")";

std::string of(std::string_view name, std::string_view more, int value) {
  return fmt::format("{}{{{}{}}} {}", name, kNames, more, value);
}

std::string answered(std::string_view method, std::string_view status, int count) {
  return of(
      "bimodal_http_requests_total",
      fmt::format(",http_request_method=\"{}\",http_response_status_code=\"{}\"", method, status), count);
}

struct TrafficRig : Rig {
  explicit TrafficRig(GatewayLimits limits = {}) : Rig(limits) {
    version.app_name = "shop";
    version.environment = "main";
    version.tag = "hello";
    publish();
  }
};

TEST(Traffic, CountsRequestsByMethodAndStatus) {
  TrafficRig rig;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rig.get("/hello").status, 200);
  EXPECT_TRUE(says(rig, answered("GET", "200", 3)));
  EXPECT_TRUE(says(rig, of("http_server_request_duration_seconds_count", "", 3)));
  EXPECT_TRUE(says(rig, of("bimodal_http_first_byte_seconds_count", "", 3)));
  EXPECT_TRUE(says(rig, of("bimodal_http_queue_seconds_count", "", 3)));
  EXPECT_TRUE(says(rig, of("http_server_active_requests", "", 0)));
  EXPECT_TRUE(says(rig, R"(bimodal_http_accepted_total{loop="0"} 3)"));
}

TEST(Traffic, CountsAMethodThatItDoesNotKnowAsOther) {
  TrafficRig rig;
  rig.call("BREW /hello HTTP/1.1\r\nHost: app.localhost\r\n\r\n").read_response();
  EXPECT_TRUE(says(rig, answered("_OTHER", "200", 1)));
}

TEST(Traffic, CountsWhatItRefusesByReason) {
  TrafficRig rig({.max_body_bytes = 3});
  rig.call("POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 4\r\n\r\n").read_response();
  EXPECT_TRUE(says(rig, answered("POST", "413", 1)));
  EXPECT_TRUE(says(rig, of("bimodal_http_errors_total", R"(,error_type="body-too-large")", 1)));
  rig.call("GET / HTTP/1.1\r\nHost: other.localhost\r\n\r\n").read_response();
  EXPECT_TRUE(says(rig, R"(bimodal_http_errors_total{error_type="unknown-host"} 1)"));
  rig.call("GET /\r\n\r\n").read_response();
  EXPECT_TRUE(says(rig, R"(bimodal_http_errors_total{error_type="bad-request"} 1)"));
  EXPECT_TRUE(says(rig, of("http_server_request_duration_seconds_count", "", 0)));
}

TEST(Traffic, CountsBytesOfBodiesBothWays) {
  TrafficRig rig;
  const auto answer =
      rig.call("POST /echo HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 5\r\n\r\nhello").read_response();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(says(rig, of("bimodal_http_request_body_bytes_total", "", 5)));
  EXPECT_TRUE(says(rig, of("bimodal_http_response_body_bytes_total", "", static_cast<int>(answer.body.size()))));
}

TEST(Traffic, StaysWithAFunctionThatIsPublishedAgainOrStopped) {
  TrafficRig rig;
  rig.get("/hello");
  EXPECT_TRUE(says(rig, answered("GET", "200", 1)));
  rig.version.definition_id = "de-2";
  rig.publish();
  rig.get("/hello");
  EXPECT_TRUE(says(rig, answered("GET", "200", 2)));
  rig.gateway->publish({{.host = "app.localhost", .function_id = "fu-1", .stopped = true}});
  EXPECT_EQ(rig.get("/hello").status, 404);
  EXPECT_TRUE(says(rig, answered("GET", "404", 1)));
  EXPECT_TRUE(says(rig, answered("GET", "200", 2)));
}

TEST(Traffic, TellsWhoWaitedForAStartWhatTookHowLong) {
  TrafficRig rig({.cold_start_header = true});
  rig.launcher.start_time = 30ms;
  rig.version.definition_id = "de-2";
  rig.publish();
  const std::string told = rig.get("/hello").field("bimodal-cold-start");
  double queue = -1, sandbox = -1, import = -1, enter = -1, first = -1;
  const char* form = "queue=%lf;sandbox=%lf;import=%lf;enter=%lf;first=%lf";
  ASSERT_EQ(std::sscanf(told.c_str(), form, &queue, &sandbox, &import, &enter, &first), 5) << told;
  EXPECT_GE(queue, 0);
  EXPECT_EQ(sandbox, 0);
  EXPECT_GE(import, 29) << "nobody said when it was over";
  EXPECT_EQ(enter, 0);
  EXPECT_GE(first, 0);
  EXPECT_EQ(rig.get("/hello").field("bimodal-cold-start"), "");
  EXPECT_TRUE(says(rig, of("bimodal_cold_start_seconds_count", R"(,phase="queue")", 1)));
  EXPECT_TRUE(says(rig, of("bimodal_cold_start_seconds_count", R"(,phase="first")", 1)));
  const auto told_container =
      scheduler::on(rig.control(), [&] { return rig.launcher.containers().back()->cold_starts; });
  EXPECT_EQ(told_container, std::vector<std::string>{told});
}

TEST(Traffic, TellsNothingOfStartsUnlessItIsAskedTo) {
  TrafficRig rig;
  EXPECT_EQ(rig.get("/hello").field("bimodal-cold-start"), "");
}

TEST(Traffic, TellsAtMostSoManyFunctionsApart) {
  TrafficTable table;
  table.prepare(1);
  Loop control("control");
  control.start();
  scheduler::FakeLauncher launcher(control.executor());
  scheduler::Functions functions(launcher, control.executor(), {});
  std::set<FunctionTraffic*> places;
  std::vector<model::FunctionVersionPtr> versions;
  constexpr std::size_t kMany = TrafficTable::kMaxFunctions + 10;
  for (std::size_t i = 0; i < kMany; ++i) {
    auto version = std::make_shared<model::FunctionVersion>();
    version->function_id = fmt::format("fu-{}", i);
    version->definition_id = fmt::format("de-{}", i);
    version->app_id = "ap-1";
    version->tag = fmt::format("f{}", i);
    versions.push_back(version);
  }
  scheduler::on(control, [&] {
    functions.publish("ap-1", versions, scheduler::Switch::AtOnce);
    return true;
  });
  for (std::size_t i = 0; i < kMany; ++i) {
    const std::string id = fmt::format("fu-{}", i);
    places.insert(&table.of_route({.host = "x", .function_id = id}, functions.find(id).get()));
  }
  EXPECT_EQ(places.size(), TrafficTable::kMaxFunctions + 1);
  scheduler::wait_for(control, functions.close(Deadline::after(5s)));
}

TEST(Traffic, CountsTheStatusesThatAFunctionInventsAsOneBeyondALimit) {
  Answers answers;
  for (int status = 200; status < 300; ++status) answers.count(Method::Get, status);
  answers.count(Method::Get, 200);
  std::map<std::uint32_t, std::uint64_t> totals;
  answers.add_to(totals);
  EXPECT_EQ(totals.size(), Answers::kPairs + 1);
  EXPECT_EQ(totals[Answers::kBeyond], 100 - Answers::kPairs);
  EXPECT_EQ((totals[static_cast<std::uint32_t>(Method::Get) << 10 | 200]), 2u);
}

TEST(Traffic, KnowsEveryErrorOfTheGateway) {
  const Error none;
  const EdgeError all[] = {
      unknown_call(),
      bad_redirect_method(),
      unknown_host(),
      app_stopped(),
      missing_credentials(),
      invalid_credentials(),
      other_environment(),
      body_too_large(1),
      rate_exceeded({1, "x", 1}),
      websocket_refused(),
      bad_request(400, ""),
      timed_out(),
      container_gone(),
      container_gone(scheduler::ContainerExit{scheduler::ExitKind::OutOfMemory, ""}),
      first_message_late(),
      application_failed(),
      invalid_response(),
      bad_answer(""),
      no_pool({Code::ResourceExhausted, ""}),
      no_slot({Code::ResourceExhausted, ""}),
      no_slot({Code::FailedPrecondition, ""}),
      no_slot({Code::Aborted, ""}),
      server_not_ready(),
      server_full(none),
      internal("")};
  std::set<std::string_view> known(kErrorCodes.begin(), kErrorCodes.end());
  EXPECT_EQ(known.size(), kErrorCodes.size());
  for (const EdgeError& error : all) EXPECT_TRUE(known.contains(error.code)) << error.code;
  EXPECT_TRUE(known.contains(kHandshakeError));
}

}  // namespace
}  // namespace bimodal::gateway

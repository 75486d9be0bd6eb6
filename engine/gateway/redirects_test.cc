#include "gateway/redirects.h"

#include <gtest/gtest.h>

#include "gateway/test_support.h"

namespace bimodal::gateway {
namespace {

TEST(Redirects, FindTheCallInAQuery) {
  EXPECT_EQ(call_in(""), "");
  EXPECT_EQ(call_in("a=1&b"), "");
  EXPECT_EQ(call_in("__modal_function_call_id=fc-1"), "fc-1");
  EXPECT_EQ(call_in("a=1&__modal_function_call_id=fc-1&b=2"), "fc-1");
  EXPECT_EQ(call_in("x__modal_function_call_id=fc-1&__modal_function_call_id"), "");
}

TEST(Redirects, LeadToTheSameUrlWithTheCallInItsQuery) {
  http::RequestHead head{.method = "POST", .path = "/a%20b", .query = ""};
  EXPECT_EQ(location_of(head, "fc-2"), "/a%20b?__modal_function_call_id=fc-2");
  head.query = "x=1&__modal_function_call_id=fc-1&y";
  EXPECT_EQ(location_of(head, "fc-2"), "/a%20b?x=1&y&__modal_function_call_id=fc-2");
}

constexpr std::string_view kOrigin = "Origin: https://page.example\r\n";

std::string request(std::string_view method, std::string_view target, std::string_view fields = "") {
  return fmt::format("{} {} HTTP/1.1\r\nHost: app.localhost\r\n{}\r\n", method, target, fields);
}

TEST(Redirects, SendACallerOfASlowRequestToComeAgain) {
  Rig rig({.redirect_after = 100ms});
  rig.launcher.start_time = 350ms;
  rig.publish();
  std::string target = "/hello?x=1";
  std::string first;
  for (int round = 0; round < 2; ++round) {
    auto sent = rig.call(request("GET", target, kOrigin)).read_response();
    ASSERT_EQ(sent.status, 303) << sent.head << sent.body;
    EXPECT_EQ(sent.field("access-control-allow-origin"), "https://page.example");
    EXPECT_EQ(sent.field("access-control-allow-credentials"), "true");
    target = sent.field("location");
    ASSERT_TRUE(target.starts_with("/hello?x=1&__modal_function_call_id=fc-")) << target;
    if (first.empty()) first = target;
    EXPECT_EQ(target, first) << "the same call";
  }
  auto other = rig.call(request("POST", target, "Content-Length: 0\r\n")).read_response();
  EXPECT_EQ(other.status, 400);
  EXPECT_EQ(other.body, "modal-http: bad redirect method");

  ASSERT_TRUE(scheduler::until([&] { return rig.load().containers == 1 && rig.running() == 0; }));
  auto answer = rig.call(request("GET", target)).read_response();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello") << "kept until it was asked for";
  EXPECT_EQ(rig.call(request("GET", target)).read_response().status, 404) << "once";
}

TEST(Redirects, StreamWhatDoesNotFitWhileItIsKept) {
  Rig rig({.redirect_after = 50ms});
  rig.launcher.start_time = 120ms;
  rig.publish();
  auto sent = rig.call(request("POST", "/big?3000000", "Content-Length: 0\r\n")).read_response();
  ASSERT_EQ(sent.status, 303);
  ASSERT_TRUE(scheduler::until([&] { return rig.load().containers == 1; }));
  auto caller = rig.call(request("GET", sent.field("location"), "Connection: close\r\n"));
  caller.read_until("\r\n\r\n");
  EXPECT_GE(caller.read_all().size(), 3000000u);
  EXPECT_TRUE(scheduler::until([&] { return rig.running() == 0; }));
}

TEST(Redirects, LeaveQuickRequestsAndTheParameterOfOthersAlone) {
  Rig rig;
  rig.publish();
  EXPECT_EQ(rig.get("/hello?__modal_function_call_id=fc-1").status, 200) << "the setting is off";
  Rig on({.redirect_after = 5s});
  on.publish();
  EXPECT_EQ(on.get("/hello").status, 200);
  EXPECT_EQ(on.get("/hello?__modal_function_call_id=fc-1").status, 404);
}

TEST(Redirects, DropARequestWhoseCallerDoesNotComeAgain) {
  Rig rig({.redirect_after = 50ms, .redirect_patience = 100ms});
  rig.publish();
  EXPECT_EQ(rig.get("/silent").status, 303);
  EXPECT_TRUE(scheduler::until([&] { return rig.running() == 0; })) << "cancelled";
}

}  // namespace
}  // namespace bimodal::gateway

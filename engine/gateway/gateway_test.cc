#include <gtest/gtest.h>

#include "gateway/test_support.h"

namespace bimodal::gateway {
namespace {

using scheduler::until;

TEST(Gateway, AnswersWhatTheContainerSays) {
  Rig rig;
  rig.publish();
  auto response = rig.get("/hello");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.field("content-type"), "text/plain");
  EXPECT_EQ(response.field("bimodal-request-id").size(), 26u);
  EXPECT_FALSE(response.field("date").empty());
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
}

TEST(Gateway, HandsTheBodyOfAPostOver) {
  Rig rig;
  rig.publish();
  auto caller = rig.call("POST /echo HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 4\r\n\r\nbody");
  auto response = caller.read_response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "body");
}

TEST(Gateway, KeepsTheConnectionForTheNextRequest) {
  Rig rig;
  rig.publish();
  Caller caller(rig.gateway->port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(caller.send("GET /hello HTTP/1.1\r\nHost: app.localhost\r\n\r\n"));
    EXPECT_EQ(caller.read_response().body, "hello");
  }
}

}  // namespace
}  // namespace bimodal::gateway

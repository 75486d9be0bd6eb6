// Containers that die with requests on their connections: what they had not begun with is done by another one, what
// they had is told and never done twice.
#include "gateway/test_support.h"

namespace bimodal::gateway {
namespace {

using scheduler::until;

std::string request(std::string_view line, std::string_view more = "") {
  return std::string(line) + " HTTP/1.1\r\nHost: app.localhost\r\n" + std::string(more) + "\r\n";
}

const std::string kHandshake = request(
    "GET /socket",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");

// A gateway that is connected to a container, which reads nothing from now on.
class LostContainer : public testing::Test {
 protected:
  void connect() {
    rig_.publish();
    ASSERT_EQ(rig_.get("/hello").status, 200);
  }

  Caller call_unread(std::string_view bytes) {
    rig_.runner->pause();
    Caller caller = rig_.call(bytes);
    EXPECT_TRUE(until([&] { return rig_.runner->unread() > 0; }));
    return caller;
  }

  void die_and_be_replaced() {
    const int started = rig_.launcher.started();
    rig_.runner->die();
    EXPECT_TRUE(until([&] { return rig_.launcher.started() > started; }));
    rig_.runner->resume();
  }

  Rig rig_;
};

TEST_F(LostContainer, HasItsUnreadRequestDoneByAnother) {
  connect();
  Caller caller = call_unread(request("GET /hello"));
  die_and_be_replaced();
  EXPECT_EQ(caller.read_response().body, "hello");
  EXPECT_EQ(rig_.launcher.started(), 2);
  EXPECT_EQ(rig_.runner->requests(), 2);
}

TEST_F(LostContainer, NeverHasARequestDoneTwiceThatItHadRead) {
  connect();
  Caller read = rig_.call(request("GET /silent"));
  ASSERT_TRUE(until([&] { return rig_.runner->requests() == 2; }));
  Caller unread = call_unread(request("GET /hello"));
  die_and_be_replaced();
  EXPECT_EQ(unread.read_response().body, "hello");
  EXPECT_EQ(read.read_response().field("bimodal-error"), "container-gone");
  EXPECT_EQ(rig_.runner->requests(), 3);
}

TEST_F(LostContainer, HasTheBodyOfAnUnreadRequestSentAgainAndWhatFollowsBehindIt) {
  connect();
  const std::string piece(10'000, 'a'), last(30'000, 'z');
  Caller caller = call_unread(request("POST /echo", "Content-Length: 50000\r\n") + piece);
  const int before = rig_.runner->unread();
  caller.send(piece);
  EXPECT_TRUE(until([&] { return rig_.runner->unread() >= before + 10'000; }));
  die_and_be_replaced();
  caller.send(last);
  EXPECT_EQ(caller.read_response().body, piece + piece + last);
}

TEST_F(LostContainer, HasAnUnreadHandshakeTakenByAnother) {
  connect();
  Caller caller = call_unread(kHandshake);
  die_and_be_replaced();
  EXPECT_TRUE(caller.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
}

TEST_F(LostContainer, GivesUpARequestUnderWhichOneContainerAfterTheOtherDies) {
  connect();
  Caller caller = call_unread(request("GET /hello"));
  for (int started = 1; started <= 6; ++started) {
    ASSERT_TRUE(until([&] { return rig_.launcher.started() == started && rig_.runner->unread() > 0; }));
    rig_.runner->die();
  }
  EXPECT_EQ(caller.read_response().field("bimodal-error"), "container-gone");
  EXPECT_EQ(rig_.runner->requests(), 1);
  rig_.runner->resume();
  EXPECT_EQ(rig_.get("/hello").status, 200);
}

TEST_F(LostContainer, ThatKeepsNoTallyMayHaveReadEverything) {
  rig_.runner->keeps_tally = false;
  connect();
  Caller caller = call_unread(request("GET /hello"));
  rig_.runner->die();
  EXPECT_EQ(caller.read_response().field("bimodal-error"), "container-gone");
  rig_.runner->resume();
}

TEST_F(LostContainer, ForgetsAnUnreadRequestWhoseCallerIsGone) {
  connect();
  call_unread(request("GET /hello")).close();
  rig_.runner->die();
  EXPECT_TRUE(until([&] { return rig_.running() == 0; }));
  rig_.runner->resume();
  EXPECT_EQ(rig_.get("/hello").status, 200);
  EXPECT_EQ(rig_.runner->requests(), 2);
}

}  // namespace
}  // namespace bimodal::gateway

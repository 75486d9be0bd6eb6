// WebSockets between a caller that speaks raw bytes and a runner that speaks frames.
#include <gtest/gtest.h>

#include "gateway/test_support.h"
#include "http/websocket_frame.h"

namespace bimodal::gateway {
namespace {

using scheduler::until;

std::string handshake(std::string_view path, std::string_view more = "") {
  return "GET " + std::string(path) +
         " HTTP/1.1\r\nHost: app.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         std::string(more) + "\r\n";
}

// Masked with zeros: what is sent is what is read.
std::string frame(http::Opcode opcode, std::string_view payload) {
  std::string bytes;
  http::append_frame_header(bytes, {.opcode = opcode, .size = payload.size()});
  bytes[1] = static_cast<char>(bytes[1] | 0x80);
  return bytes.append(4, '\0').append(payload);
}

std::string text(std::string_view payload) {
  return frame(http::Opcode::Text, payload);
}

std::string close_frame(int code, std::string_view reason = "") {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
  payload.append(reason);
  return std::string{'\x88', static_cast<char>(payload.size())} + payload;
}

TEST(WebSocketGateway, TakesTheHandshakeAndSendsMessagesBack) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(handshake("/socket") + text("early"));
  const std::string head = caller.read_until("\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << head;
  EXPECT_NE(head.find("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), std::string::npos);
  EXPECT_NE(head.find("sec-websocket-protocol: chat\r\n"), std::string::npos);
  EXPECT_NE(head.find("x-mine: 1\r\n"), std::string::npos);
  EXPECT_NE(head.find("bimodal-request-id: "), std::string::npos);
  EXPECT_EQ(
      caller.read_exactly(7),
      "\x81\x05"
      "early");
  caller.send(frame(http::Opcode::Ping, "p") + text("one"));
  EXPECT_EQ(caller.read_exactly(3), "\x8a\x01p");
  EXPECT_EQ(caller.read_exactly(5), "\x81\x03one");
}

TEST(WebSocketGateway, RefusesAHandshakeThatIsWrong) {
  Rig rig;
  rig.publish();
  auto caller =
      rig.call("GET /socket HTTP/1.1\r\nHost: app.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  auto response = caller.read_response();
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.field("sec-websocket-version"), "13");
  EXPECT_EQ(response.field("bimodal-error"), "websocket-handshake");
  EXPECT_EQ(rig.runner->requests(), 0);
}

TEST(WebSocketGateway, Answers403WhenTheApplicationClosesBeforeItAccepts) {
  Rig rig;
  rig.publish();
  auto response = rig.call(handshake("/refuse")).read_response();
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.field("bimodal-error"), "websocket-refused");
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
}

TEST(WebSocketGateway, PassesAResponseOfTheApplicationsOn) {
  Rig rig;
  rig.publish();
  Caller caller = rig.call(handshake("/status?418"));
  EXPECT_EQ(caller.read_response().status, 418);
  caller.send("GET /hello HTTP/1.1\r\nHost: app.localhost\r\n\r\n");
  EXPECT_EQ(caller.read_response().body, "hello");
}

TEST(WebSocketGateway, ClosesAsTheApplicationEnds) {
  for (const auto& [word, code, reason] : std::initializer_list<std::tuple<const char*, int, const char*>>{
           {"close", 4001, "enough"},
           {"return", 1000, ""},
           {"abort", 1011, "Internal Server Error"},
           {"crash", 1011, "internal error: function was terminated by signal"}}) {
    Rig rig;
    rig.publish();
    auto caller = rig.call(handshake("/socket"));
    caller.read_until("\r\n\r\n");
    caller.send(text(word));
    const std::string expected = close_frame(code, reason);
    EXPECT_EQ(caller.read_exactly(expected.size()), expected) << word;
    caller.send(frame(http::Opcode::Close, std::string("\x03\xe8", 2)));
    EXPECT_TRUE(caller.read_all().empty()) << word;
    EXPECT_TRUE(until([&] { return rig.running() == 0; }));
  }
}

TEST(WebSocketGateway, TellsTheApplicationHowTheCallerLeft) {
  Rig rig;
  rig.publish();
  auto polite = rig.call(handshake("/socket"));
  polite.read_until("\r\n\r\n");
  polite.send(frame(http::Opcode::Close, std::string("\x0f\xa2", 2)));
  EXPECT_TRUE(until([&] { return rig.runner->closes() == std::vector<std::uint32_t>{4002}; }));
  {
    auto rude = rig.call(handshake("/socket"));
    rude.read_until("\r\n\r\n");
  }
  EXPECT_TRUE(until([&] { return rig.runner->closes().size() == 2; }));
  EXPECT_EQ(rig.runner->closes().back(), 1006u);
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
}

TEST(WebSocketGateway, PingsACallerAndCutsOneThatDoesNotAnswer) {
  GatewayLimits limits;
  limits.websocket_ping = 100ms;
  Rig rig(limits);
  rig.publish();
  auto caller = rig.call(handshake("/socket"));
  caller.read_until("\r\n\r\n");
  const std::string ping("\x89\0", 2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(caller.read_exactly(2), ping);
    caller.send(frame(http::Opcode::Pong, ""));
  }
  EXPECT_EQ(caller.read_all(), ping);
  EXPECT_TRUE(until([&] { return rig.runner->closes() == std::vector<std::uint32_t>{1006}; }));
}

TEST(WebSocketGateway, CutsARunnerThatSendsBeyondItsCredit) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(handshake("/socket"));
  caller.read_until("\r\n\r\n");
  // Nobody reads: no credit goes back.
  for (int i = 0; i < 40; ++i) caller.send(text("overrun"));
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
}

TEST(WebSocketGateway, ClosesWith1012WhenItGoes) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(handshake("/socket"));
  caller.read_until("\r\n\r\n");
  rig.close(Deadline::after(50ms));
  const std::string expected = close_frame(1012, "the server restarts");
  EXPECT_EQ(caller.read_exactly(expected.size()), expected);
}

}  // namespace
}  // namespace bimodal::gateway

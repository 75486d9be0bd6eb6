#include "http/websocket_handshake.h"

#include <gtest/gtest.h>

namespace bimodal::http {
namespace {

WebSocketHandshake handshake(std::string_view line, std::string_view fields) {
  std::string bytes = std::string(line) + " HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
  bytes.append(fields).append("\r\n");
  RequestHead head;
  std::size_t resume = 0;
  EXPECT_EQ(parse_request_head(bytes.data(), bytes.size(), 65536, resume, head).outcome, HeadResult::Outcome::Complete);
  EXPECT_TRUE(head.wants_websocket);
  return read_websocket_handshake(head);
}

constexpr std::string_view kKey = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
constexpr std::string_view kVersion = "Sec-WebSocket-Version: 13\r\n";

std::string operator+(std::string_view a, std::string_view b) {
  return std::string(a).append(b);
}

TEST(WebSocketHandshake, AnswersTheKeyOfTheStandard) {
  const WebSocketHandshake good = handshake("GET /chat", kKey + kVersion);
  EXPECT_EQ(good.status, 0);
  EXPECT_EQ(good.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 §1.3
  EXPECT_FALSE(good.deflate);
}

TEST(WebSocketHandshake, ReadsOffersFromSeveralFields) {
  const std::string offers = "Sec-WebSocket-Extensions: x-other\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
  EXPECT_TRUE(handshake("GET /", kKey + kVersion + offers).deflate);
}

TEST(WebSocketHandshake, RefusesWithTheReason) {
  EXPECT_EQ(handshake("POST /", kKey + kVersion).status, 400);
  EXPECT_EQ(handshake("GET /", kKey + kVersion + "Content-Length: 1\r\n").status, 400);
  EXPECT_EQ(handshake("GET /", kKey).status, 400);
  EXPECT_EQ(handshake("GET /", kVersion).status, 400);
  EXPECT_EQ(handshake("GET /", kVersion + kKey + kKey).status, 400);
  EXPECT_EQ(handshake("GET /", kVersion + "Sec-WebSocket-Key: short\r\n").status, 400);
  EXPECT_EQ(handshake("GET /", kVersion + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n").status, 400);
  EXPECT_EQ(handshake("GET /", kKey + "Sec-WebSocket-Version: 8\r\n").status, 426);
  EXPECT_EQ(handshake("GET /", kKey + "Sec-WebSocket-Version: 13, 8\r\n").status, 426);
  EXPECT_STREQ(handshake("GET /", kVersion).reason, "Sec-WebSocket-Key is missing or malformed");
}

}  // namespace
}  // namespace bimodal::http

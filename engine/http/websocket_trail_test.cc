#include "http/websocket_trail.h"

#include <gtest/gtest.h>

#include "http/websocket_frame.h"

namespace bimodal::http {
namespace {

std::string frame(std::size_t size, Side side, Opcode opcode = Opcode::Binary) {
  std::string out;
  append_frame_header(out, {.opcode = opcode, .size = size});
  if (side == Side::Client) {
    out[1] = static_cast<char>(out[1] | 0x80);
    out.append("mask");
  }
  return out.append(size, '\x88');
}

TEST(WebSocketTrail, FindsTheEndOfEveryFrameHoweverItsBytesAreCut) {
  for (const Side side : {Side::Server, Side::Client}) {
    for (const std::size_t size : {0, 1, 125, 126, 300, 65535, 65536}) {
      const std::string bytes = frame(size, side);
      for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{5}, bytes.size()}) {
        WebSocketTrail trail;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
          EXPECT_EQ(trail.is_between_frames(), at == 0) << size << " at " << at;
          trail.pass(std::string_view(bytes).substr(at, piece));
        }
        EXPECT_TRUE(trail.is_between_frames()) << size;
        EXPECT_FALSE(trail.has_closed()) << size;
      }
    }
  }
}

TEST(WebSocketTrail, StopsBehindTheFirstFrame) {
  const std::string first = frame(300, Side::Server), both = first + frame(0, Side::Server, Opcode::Ping) + "\x82";
  WebSocketTrail trail;
  EXPECT_EQ(trail.pass_frame(both.substr(0, 100)), 100u);
  EXPECT_EQ(trail.pass_frame(both.substr(100)), first.size() - 100);
  EXPECT_EQ(trail.pass_frame(both.substr(first.size())), 2u);
  EXPECT_TRUE(trail.is_between_frames());
}

TEST(WebSocketTrail, KnowsACloseOfEitherSide) {
  for (const Side side : {Side::Server, Side::Client}) {
    const std::string bytes = close_frame(side, 1012, "restart");
    WebSocketTrail trail;
    trail.pass(bytes);
    EXPECT_TRUE(trail.has_closed());
    EXPECT_TRUE(trail.is_between_frames());
  }
}

TEST(WebSocketTrail, WritesACloseThatReadsAsOne) {
  std::string bytes = close_frame(Side::Client, 1012, "restart");
  WebSocketFrame read;
  const FrameResult header = parse_frame_header(bytes, false, read);
  ASSERT_EQ(header.outcome, FrameResult::Outcome::Complete);
  EXPECT_EQ(read.opcode, Opcode::Close);
  bytes.erase(0, header.size);
  apply_mask(bytes.data(), bytes.size(), read.mask, 0);
  EXPECT_EQ(bytes, "\x03\xf4restart");
  EXPECT_EQ(close_frame(Side::Server, 1012, "restart"), "\x88\x09" + bytes);
}

}  // namespace
}  // namespace bimodal::http

#include "http/response_head.h"

#include <gtest/gtest.h>

#include <vector>

namespace bimodal::http {
namespace {

struct Written {
  std::optional<Framing> framing;
  std::string bytes;
};

Written write(int status, std::vector<Field> fields, std::optional<std::uint64_t> size, ResponseContext context = {}) {
  context.date = "D";
  Written written;
  written.framing =
      write_response_head({.status = status, .fields = fields, .extra = {}, .body_size = size}, context, written.bytes);
  return written;
}

TEST(ResponseHead, HasALengthWhenTheWholeBodyIsKnown) {
  Written written = write(200, {{"X-A", "b"}}, 5);
  EXPECT_EQ(written.bytes, "HTTP/1.1 200 OK\r\nX-A: b\r\ndate: D\r\ncontent-length: 5\r\n\r\n");
  EXPECT_EQ(written.framing->kind, Framing::Kind::Length);
  EXPECT_EQ(written.framing->length, 5u);
}

TEST(ResponseHead, IsChunkedWhenTheLengthIsUnknown) {
  Written written = write(200, {}, std::nullopt);
  EXPECT_EQ(written.bytes, "HTTP/1.1 200 OK\r\ndate: D\r\ntransfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(written.framing->kind, Framing::Kind::Chunked);
}

TEST(ResponseHead, PrefersTheApplicationsLength) {
  Written written = write(200, {{"Content-Length", "7"}}, std::nullopt);
  EXPECT_EQ(written.framing->length, 7u);
  EXPECT_NE(written.bytes.find("content-length: 7\r\n"), std::string::npos);
}

TEST(ResponseHead, EndsAtCloseForHttp10) {
  Written written = write(200, {}, std::nullopt, {.minor_version = 0});
  EXPECT_EQ(written.framing->kind, Framing::Kind::UntilClose);
  EXPECT_FALSE(written.framing->keep_alive);
  EXPECT_NE(written.bytes.find("connection: close\r\n"), std::string::npos);
}

TEST(ResponseHead, TellsHttp10ThatTheConnectionStays) {
  Written written = write(200, {}, 0, {.minor_version = 0});
  EXPECT_TRUE(written.framing->keep_alive);
  EXPECT_NE(written.bytes.find("connection: keep-alive\r\n"), std::string::npos);
}

TEST(ResponseHead, HasNoBodyFor204And304AndHead) {
  EXPECT_EQ(write(204, {{"content-length", "0"}}, 0).bytes, "HTTP/1.1 204 No Content\r\ndate: D\r\n\r\n");
  EXPECT_EQ(write(304, {}, std::nullopt).bytes, "HTTP/1.1 304 Not Modified\r\ndate: D\r\n\r\n");
  Written head = write(200, {{"content-length", "9"}}, 0, {.is_head = true});
  EXPECT_EQ(head.bytes, "HTTP/1.1 200 OK\r\ndate: D\r\ncontent-length: 9\r\n\r\n");
  EXPECT_EQ(head.framing->kind, Framing::Kind::None);
}

TEST(ResponseHead, DropsWhatConcernsTheConnection) {
  Written written = write(
      200, {{"Transfer-Encoding", "chunked"}, {"Keep-Alive", "timeout=5"}, {"Upgrade", "h2c"}, {"Connection", "x"}}, 0);
  EXPECT_EQ(written.bytes, "HTTP/1.1 200 OK\r\ndate: D\r\ncontent-length: 0\r\n\r\n");
}

TEST(ResponseHead, ClosesWhenTheApplicationSaysSo) {
  Written written = write(200, {{"Connection", "Close"}}, 0);
  EXPECT_FALSE(written.framing->keep_alive);
  EXPECT_NE(written.bytes.find("connection: close\r\n"), std::string::npos);
}

TEST(ResponseHead, KeepsTheApplicationsDate) {
  EXPECT_EQ(write(200, {{"Date", "mine"}}, 0).bytes, "HTTP/1.1 200 OK\r\nDate: mine\r\ncontent-length: 0\r\n\r\n");
}

TEST(ResponseHead, IsRefusedWhenItWouldBreakTheFraming) {
  const std::vector<std::vector<Field>> evil = {
      {{"x-a", "b\r\nset-cookie: c"}},
      {{"x-a", "b\n"}},
      {{"x-a", std::string_view("b\0", 2)}},
      {{"x\r\na", "b"}},
      {{"", "b"}},
      {{"x a", "b"}},
      {{"x:a", "b"}},
      {{"content-length", "5x"}},
      {{"content-length", "-5"}},
      {{"content-length", "5"}, {"content-length", "5"}},
      {{"content-length", ""}}};
  for (const auto& fields : evil) {
    Written written = write(200, fields, std::nullopt);
    EXPECT_FALSE(written.framing) << fields[0].name << ": " << fields[0].value;
    EXPECT_EQ(written.bytes, "");
  }
  for (int status : {0, 99, 100, 101, 199, 600, 65535}) EXPECT_FALSE(write(status, {}, 0).framing) << status;
}

}  // namespace
}  // namespace bimodal::http

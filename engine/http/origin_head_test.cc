#include "http/origin_head.h"

#include <gtest/gtest.h>

#include <string>

namespace bimodal::http {
namespace {

OriginResult parse(const std::string& text, OriginHead& head) {
  std::size_t resume = 0;
  return parse_origin_head(text, 1000, resume, head);
}

std::string refusal(const std::string& text) {
  OriginHead head;
  OriginResult result = parse(text, head);
  return result.outcome == OriginResult::Outcome::Bad ? result.reason : "";
}

TEST(OriginHead, IsReadWithItsFields) {
  const std::string text = "HTTP/1.1 404 Not Here\r\nServer: x\r\nContent-Length: 5\r\nset-cookie: a\r\n\r\nhello";
  OriginHead head;
  OriginResult result = parse(text, head);
  ASSERT_EQ(result.outcome, OriginResult::Outcome::Complete);
  EXPECT_EQ(text.substr(result.size), "hello");
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.content_length, 5U);
  EXPECT_TRUE(head.keep_alive);
  ASSERT_EQ(head.fields.size(), 3U);
  EXPECT_EQ(head.fields[2].name, "set-cookie");
}

TEST(OriginHead, NeedsItsEmptyLine) {
  OriginHead head;
  EXPECT_EQ(parse("HTTP/1.1 200 OK\r\na: b\r\n", head).outcome, OriginResult::Outcome::NeedMore);
}

TEST(OriginHead, OfVersion10ClosesUnlessItSaysOtherwise) {
  OriginHead head;
  parse("HTTP/1.0 200 OK\r\n\r\n", head);
  EXPECT_FALSE(head.keep_alive);
  parse("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n\r\n", head);
  EXPECT_TRUE(head.keep_alive);
  parse("HTTP/1.1 200 OK\r\nconnection: Close\r\n\r\n", head);
  EXPECT_FALSE(head.keep_alive);
}

TEST(OriginHead, ThatCouldBeReadInTwoWaysIsRefused) {
  const std::string start = "HTTP/1.1 200 OK\r\n";
  for (const char* fields :
       {"content-length: 5\r\ncontent-length: 5\r\n", "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "content-length: +5\r\n", "content-length: 5, 5\r\n", "content-length:\r\n", "content-length: -1\r\n",
        "content-length: 99999999999999999999\r\n", "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", "transfer-encoding: identity\r\n", "a b: c\r\n",
        " folded: x\r\n", "a: b\r\n folded\r\n", "a: b\n", "a: b\rc: d\r\n", "no colon\r\n"}) {
    EXPECT_NE(refusal(start + fields + "\r\n"), "") << fields;
  }
  EXPECT_NE(refusal("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), "");
}

TEST(OriginHead, ThatIsNoneIsRefused) {
  for (const char* text :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 999 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n", "\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"}) {
    EXPECT_NE(refusal(text), "") << text;
  }
  EXPECT_EQ(
      refusal("HTTP/1.1 200 OK\r\na: " + std::string(2000, 'x') + "\r\n\r\n"), "a response head that is too large");
}

}  // namespace
}  // namespace bimodal::http

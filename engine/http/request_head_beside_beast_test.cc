// Our parser of request heads and Boost.Beast's agree about what is a head and what stands in it: over heads that were
// broken at random, always the same ones.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "http/reference_head.h"
#include "http/request_head.h"

namespace bimodal::http {
namespace {

const char* const kSeeds[] = {
    "GET /a/b%20c?x=1&y=?z HTTP/1.1\r\nHost: a:80\r\nX-One:  two \t\r\nX-Empty:\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: example.com\r\nContent-Length: 12\r\nConnection: keep-alive, x\r\n\r\n",
    "POST /p HTTP/1.1\r\nhost: [::1]:80\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
    "GET http://b.example:81/p?q HTTP/1.0\r\nConnection: Keep-Alive\r\nProxy-Connection: close\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nCookie: a=b; c=d\r\n\r\n",
};
// What breaks heads best.
const char* const kPieces[] = {
    " ",
    "\t",
    ":",
    ",",
    "\r\n",
    "\n",
    "\r",
    "\x01",
    "\x7f",
    "\x80",
    "\xff",
    "#",
    "?",
    "/",
    "*",
    "0",
    "1",
    "4",
    "A",
    "z",
    "\"",
    "(",
    ";",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/2.0",
    "HTTP/1.2",
    "http://",
    "Host: b\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: close, b\r\n",
    "Connection: a b\r\n",
    "Expect: x\r\n",
    "X: y\r\n",
};

std::string broken(std::mt19937& random) {
  auto below = [&random](std::size_t count) { return random() % count; };
  std::string head = kSeeds[below(std::size(kSeeds))];
  for (std::size_t changes = below(4); changes > 0; --changes) {
    const std::size_t at = below(head.size() + 1);
    switch (below(3)) {
      case 0:
        head.insert(at, kPieces[below(std::size(kPieces))]);
        break;
      case 1:
        head.erase(at, below(4));
        break;
      default:
        if (at < head.size()) head[at] = static_cast<char>(below(256));
    }
  }
  return head;
}

// Everything that is read from a head, as one text.
std::string told(const HeadResult& result, const RequestHead& head) {
  if (result.outcome == HeadResult::Outcome::NeedMore) return "more";
  if (result.outcome == HeadResult::Outcome::Bad) return "bad";
  std::string text = std::to_string(result.size) + '|' + std::string(head.method) + '|' + std::string(head.path) + '|' +
                     std::string(head.query) + '|' + std::string(head.host) + '|' + std::to_string(head.minor_version);
  for (const Field& field : head.fields) text.append("|").append(field.name).append("=").append(field.value);
  for (std::string_view option : head.connection_options) text.append("|").append(option);
  text.append("|").append(head.content_length ? std::to_string(*head.content_length) : "none");
  for (bool flag : {head.chunked, head.keep_alive, head.expects_continue, head.wants_websocket})
    text += flag ? '1' : '0';
  return text;
}

std::string told_by_ours(std::string bytes) {
  RequestHead head;
  std::size_t resume = 0;
  const HeadResult result = parse_request_head(bytes.data(), bytes.size(), 64 * 1024, resume, head);
  return told(result, head);
}

std::string told_by_beast(std::string bytes) {
  RequestHead head;
  const HeadResult result = reference::parse_request_head(bytes.data(), bytes.size(), head);
  return told(result, head);
}

TEST(RequestHeadBesideBeast, SaysTheSameOfBrokenHeads) {
  std::mt19937 random(1);
  const char* const more = std::getenv("BIMODAL_BROKEN_HEADS");
  const long count = more ? std::atol(more) : 20'000;
  long good = 0;
  for (long i = 0; i < count; ++i) {
    const std::string head = broken(random);
    const std::string ours = told_by_ours(head);
    good += ours != "bad" && ours != "more";
    ASSERT_EQ(ours, told_by_beast(head)) << testing::PrintToString(head);
  }
  EXPECT_GT(good, count / 4);
}

}  // namespace
}  // namespace bimodal::http

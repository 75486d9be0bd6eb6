#include "http/request_head.h"

#include <gtest/gtest.h>

#include <string>

namespace bimodal::http {
namespace {

constexpr std::size_t kLimit = 64 * 1024;

struct Parsed {
  HeadResult result;
  RequestHead head;
  std::string bytes;  // what the views point into
};

Parsed parse(std::string bytes) {
  Parsed parsed;
  parsed.bytes = std::move(bytes);
  std::size_t resume = 0;
  parsed.result = parse_request_head(parsed.bytes.data(), parsed.bytes.size(), kLimit, resume, parsed.head);
  return parsed;
}

HeadResult parse_byte_by_byte(std::string bytes) {
  RequestHead head;
  std::size_t resume = 0;
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    HeadResult result = parse_request_head(bytes.data(), size, kLimit, resume, head);
    if (result.outcome != HeadResult::Outcome::NeedMore) return result;
  }
  return {};
}

struct BadCase {
  const char* name;
  std::string bytes;
  int status;
};

// `lines` inside a request that is otherwise fine.
std::string with(const std::string& lines) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n\r\n";
}

std::string request_line(const std::string& line) {
  return line + "\r\nHost: a\r\n\r\n";
}

// A literal with NULs inside.
template <std::size_t kSize>
std::string bytes(const char (&text)[kSize]) {
  return std::string(text, kSize - 1);
}

const BadCase kBadCases[] = {
    // Two ways to find the end of the body.
    {"ContentLengthAndTransferEncoding", with("Content-Length: 4\r\nTransfer-Encoding: chunked"), 400},
    {"TransferEncodingAndContentLength", with("Transfer-Encoding: chunked\r\nContent-Length: 4"), 400},
    {"ContentLengthZeroAndTransferEncoding", with("Content-Length: 0\r\nTransfer-Encoding: chunked"), 400},
    {"DifferingContentLengths", with("Content-Length: 4\r\nContent-Length: 5"), 400},
    {"EqualContentLengths", with("Content-Length: 4\r\nContent-Length: 4"), 400},
    {"ContentLengthList", with("Content-Length: 4, 4"), 400},
    {"ContentLengthListOfTwo", with("Content-Length: 4,5"), 400},
    {"ContentLengthWithPlus", with("Content-Length: +4"), 400},
    {"ContentLengthNegative", with("Content-Length: -4"), 400},
    {"ContentLengthHex", with("Content-Length: 0x4"), 400},
    {"ContentLengthWithTail", with("Content-Length: 4a"), 400},
    {"ContentLengthWithFraction", with("Content-Length: 4.0"), 400},
    {"ContentLengthWithBlankInside", with("Content-Length: 4 4"), 400},
    {"ContentLengthEmpty", with("Content-Length:"), 400},
    {"ContentLengthBeyond64Bits", with("Content-Length: 18446744073709551616"), 400},
    {"ContentLengthQuoted", with("Content-Length: \"4\""), 400},
    {"TransferEncodingTwice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400},
    {"TransferEncodingTwiceIdentity", with("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"), 501},
    {"TransferEncodingThenOther", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip"), 400},
    {"TransferEncodingGzip", with("Transfer-Encoding: gzip"), 501},
    {"TransferEncodingGzipChunked", with("Transfer-Encoding: gzip, chunked"), 501},
    {"TransferEncodingChunkedIdentity", with("Transfer-Encoding: chunked, identity"), 501},
    {"TransferEncodingChunkedTwiceInList", with("Transfer-Encoding: chunked, chunked"), 501},
    {"TransferEncodingIdentity", with("Transfer-Encoding: identity"), 501},
    {"TransferEncodingPrefixed", with("Transfer-Encoding: xchunked"), 501},
    {"TransferEncodingQuoted", with("Transfer-Encoding: \"chunked\""), 501},
    {"TransferEncodingWithParameter", with("Transfer-Encoding: chunked;q=1"), 501},
    {"TransferEncodingWithVerticalTab",
     with("Transfer-Encoding: \x0b"
          "chunked"),
     400},
    {"TransferEncodingEmpty", with("Transfer-Encoding:"), 501},
    {"TransferEncodingInHttp10", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    // Lines that others would cut elsewhere.
    {"BlankBeforeColon", with("Content-Length : 4"), 400},
    {"TabBeforeColon", with("Content-Length\t: 4"), 400},
    {"ObsFold", with("X-A: b\r\n c"), 400},
    {"ObsFoldWithTab", with("X-A: b\r\n\tc"), 400},
    {"ObsFoldOfTransferEncoding", with("Transfer-Encoding:\r\n chunked"), 400},
    {"FoldAsFirstHeader", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"BareLfInHead", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400},
    {"BareLfEndsRequestLine", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
    {"BareLfEndsHead", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
    {"BareCrInValue", with("X-A: b\rc"), 400},
    {"BareCrInName", with("X\r-A: b"), 400},
    {"BareCrInRequestLine", request_line("GET /\r HTTP/1.1"), 400},
    {"CrCrLf", with("X-A: b\r"), 400},
    {"CrBeforeRequest", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"LfBeforeRequest", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"TwoEmptyLinesBeforeRequest", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"NulInValue", bytes("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"), 400},
    {"NulInName", bytes("GET / HTTP/1.1\r\nHost: a\r\nX\0: ab\r\n\r\n"), 400},
    {"NulInTarget", bytes("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
    {"ControlInValue", with("X-A: b\x01"), 400},
    {"DeleteInValue", with("X-A: b\x7f"), 400},
    {"NoColon", with("Transfer-Encoding chunked"), 400},
    {"EmptyName", with(": chunked"), 400},
    {"SeparatorInName", with("X(A): b"), 400},
    {"BeyondAsciiInName", with("X-\xc3\xa4: b"), 400},
    {"BlankInsideName", with("X A: b"), 400},
    // Which host is meant.
    {"NoHost", "GET / HTTP/1.1\r\n\r\n", 400},
    {"TwoHosts", with("Host: b"), 400},
    {"TwoEqualHosts", with("host: a"), 400},
    {"HostWithBlank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"HostWithComma", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400},
    {"HostWithUser", "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400},
    {"HostWithPath", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"HostWithBadPort", "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", 400},
    {"HostWithTwoPorts", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", 400},
    {"HostWithOpenBracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
    {"AbsoluteTargetWithUser", request_line("GET http://u@a/ HTTP/1.1"), 400},
    {"AbsoluteTargetWithoutHost", request_line("GET http:///x HTTP/1.1"), 400},
    // Request lines.
    {"EmptyRequestLine", "\r\n\r\n", 400},
    {"BlankFirst", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
    {"TwoBlanks", request_line("GET  / HTTP/1.1"), 400},
    {"BlankInTarget", request_line("GET /a b HTTP/1.1"), 400},
    {"TabInsteadOfBlank", request_line("GET\t/ HTTP/1.1"), 400},
    {"NoTarget", request_line("GET HTTP/1.1"), 400},
    {"NoVersion", request_line("GET /"), 400},
    {"BlankAtEnd", request_line("GET / HTTP/1.1 "), 400},
    {"LowerCaseProtocol", request_line("GET / http/1.1"), 400},
    {"OtherProtocol", request_line("GET / ICY/1.1"), 400},
    {"Version09", request_line("GET / HTTP/0.9"), 505},
    {"Version12", request_line("GET / HTTP/1.2"), 505},
    {"Version20", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"VersionWithoutMinor", request_line("GET / HTTP/1"), 400},
    {"VersionLong", request_line("GET / HTTP/1.11"), 400},
    {"MethodWithSeparator", request_line("GE(T / HTTP/1.1"), 400},
    {"RelativeTarget", request_line("GET a/b HTTP/1.1"), 400},
    {"AsteriskForGet", request_line("GET * HTTP/1.1"), 400},
    {"AuthorityTarget", request_line("CONNECT a:443 HTTP/1.1"), 400},
    {"FragmentInTarget", request_line("GET /a#b HTTP/1.1"), 400},
    {"BeyondAsciiInTarget", request_line("GET /\xc3\xa4 HTTP/1.1"), 400},
    {"OtherScheme", request_line("GET ftp://a/ HTTP/1.1"), 400},
    {"UnknownExpectation", with("Expect: 200-maybe"), 417},
    {"HeadTooLarge", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(kLimit, 'x') + "\r\n\r\n", 431},
    {"RequestLineTooLarge", "GET /" + std::string(kLimit, 'x'), 431},
};

class BadRequestHead : public testing::TestWithParam<BadCase> {};

TEST_P(BadRequestHead, IsRefused) {
  HeadResult result = parse(GetParam().bytes).result;
  EXPECT_EQ(result.outcome, HeadResult::Outcome::Bad);
  EXPECT_EQ(result.status, GetParam().status) << result.reason;
  EXPECT_STRNE(result.reason, "");
}

TEST_P(BadRequestHead, IsRefusedByteByByte) {
  HeadResult result = parse_byte_by_byte(GetParam().bytes);
  EXPECT_EQ(result.outcome, HeadResult::Outcome::Bad);
  EXPECT_EQ(result.status, GetParam().status) << result.reason;
}

INSTANTIATE_TEST_SUITE_P(All, BadRequestHead, testing::ValuesIn(kBadCases), [](const auto& info) {
  return info.param.name;
});

TEST(RequestHead, IsSplitIntoItsParts) {
  Parsed parsed = parse("GET /a/b%20c?x=1&y=?z HTTP/1.1\r\nHost: a:80\r\nX-One:  two \t\r\nX-Empty:\r\n\r\nrest");
  ASSERT_EQ(parsed.result.outcome, HeadResult::Outcome::Complete) << parsed.result.reason;
  EXPECT_EQ(parsed.result.size, parsed.bytes.size() - 4);
  EXPECT_EQ(parsed.head.method, "GET");
  EXPECT_EQ(parsed.head.path, "/a/b%20c");
  EXPECT_EQ(parsed.head.query, "x=1&y=?z");
  EXPECT_EQ(parsed.head.host, "a:80");
  EXPECT_EQ(parsed.head.minor_version, 1);
  std::vector<Field> expected{{"host", "a:80"}, {"x-one", "two"}, {"x-empty", ""}};
  EXPECT_EQ(parsed.head.fields, expected);
  EXPECT_FALSE(parsed.head.has_body());
  EXPECT_TRUE(parsed.head.keep_alive);
}

TEST(RequestHead, IsTheSameByteByByte) {
  std::string bytes = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";
  HeadResult result = parse_byte_by_byte(bytes);
  EXPECT_EQ(result.outcome, HeadResult::Outcome::Complete);
  EXPECT_EQ(result.size, bytes.size());
}

TEST(RequestHead, TakesTheHostOfAnAbsoluteTarget) {
  Parsed parsed = parse("GET HTTP://b.example:81?q HTTP/1.1\r\nX: y\r\nHost: a\r\n\r\n");
  ASSERT_EQ(parsed.result.outcome, HeadResult::Outcome::Complete) << parsed.result.reason;
  EXPECT_EQ(parsed.head.host, "b.example:81");
  EXPECT_EQ(parsed.head.path, "/");
  EXPECT_EQ(parsed.head.query, "q");
  EXPECT_EQ(parsed.head.fields[1], (Field{"host", "b.example:81"}));
}

TEST(RequestHead, ForgivesOneEmptyLineBeforeTheRequest) {
  Parsed parsed = parse("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(parsed.result.outcome, HeadResult::Outcome::Complete);
  EXPECT_EQ(parsed.result.size, parsed.bytes.size());
}

TEST(RequestHead, KnowsWhetherTheConnectionStaysOpen) {
  auto keep_alive = [](const std::string& rest) { return parse("GET / HTTP/1." + rest + "\r\n\r\n").head.keep_alive; };
  EXPECT_TRUE(keep_alive("1\r\nHost: a"));
  EXPECT_FALSE(keep_alive("1\r\nHost: a\r\nConnection: Close"));
  EXPECT_FALSE(keep_alive("1\r\nHost: a\r\nConnection: x, close"));
  EXPECT_FALSE(keep_alive("1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close"));
  EXPECT_FALSE(keep_alive("0"));
  EXPECT_TRUE(keep_alive("0\r\nConnection: Keep-Alive"));
}

TEST(RequestHead, KnowsAWebSocketUpgrade) {
  EXPECT_TRUE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n")
                  .head.wants_websocket);
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n").head.wants_websocket);
}

TEST(RequestHead, HeedsExpectContinueOnlyInHttp11) {
  EXPECT_TRUE(parse(with("Expect: 100-Continue\r\nContent-Length: 4")).head.expects_continue);
  EXPECT_FALSE(parse("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n").head.expects_continue);
}

TEST(RequestHead, AcceptsOptionsForTheWholeServer) {
  Parsed parsed = parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(parsed.result.outcome, HeadResult::Outcome::Complete);
  EXPECT_EQ(parsed.head.path, "*");
}

TEST(RequestHead, NeedsMoreUntilTheEmptyLine) {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(parse(bytes.substr(0, size)).result.outcome, HeadResult::Outcome::NeedMore) << size;
  }
}

}  // namespace
}  // namespace bimodal::http

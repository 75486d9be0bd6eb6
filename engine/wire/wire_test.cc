#include <gtest/gtest.h>

#include "wire/frame.h"
#include "wire/head.h"

namespace bimodal::wire {
namespace {

RequestHead sample_request() {
  RequestHead head;
  head.http_version = 20;
  head.https = true;
  head.web_method = "predict";
  head.request_id = "01HZX4J8Q6W9E2R5T7Y1U3I0PA";
  head.method = "POST";
  head.raw_path = "/caf%C3%A9";
  head.query = "a=1&b=2";
  head.client_host = "192.0.2.7";
  head.client_port = 54321;
  head.server_host = "127.0.0.1";
  head.server_port = 8080;
  head.headers = {
      {"host", "x.localhost"}, {"accept", "*/*"}, {"accept", ""}, {"x-bytes", std::string_view("\0\xff", 2)}};
  return head;
}

ResponseHead sample_response() {
  ResponseHead head;
  head.status = 404;
  head.trailers = true;
  head.headers = {{"Content-Type", "text/plain"}, {"set-cookie", "a=b"}, {"set-cookie", "c=d"}};
  return head;
}

template <class Head>
std::string encoded(const Head& head) {
  std::string bytes;
  EXPECT_TRUE(encode(head, bytes));
  return bytes;
}

template <class Head>
void expect_only_the_whole_decodes(const std::string& bytes) {
  Head head;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    // A copy of exactly that size, so that a sanitizer sees any read beyond it.
    const std::vector<char> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(decode(std::string_view(part.data(), part.size()), head)) << size;
  }
  EXPECT_FALSE(decode(bytes + '\0', head));
}

TEST(Frame, HeaderSurvivesEncodingAndDecoding) {
  char bytes[kHeaderSize];
  encode({.size = 70000, .stream = 0xfffffffe, .type = FrameType::Body, .flags = kEnd, .extra = 0x01020304}, bytes);
  const auto header = decode_frame_header(bytes);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->size, 70000u);
  EXPECT_EQ(header->stream, 0xfffffffeu);
  EXPECT_EQ(header->type, FrameType::Body);
  EXPECT_EQ(header->flags, kEnd);
  EXPECT_EQ(header->extra, 0x01020304u);
  EXPECT_EQ(static_cast<unsigned char>(bytes[0]), 70000 % 256) << "little endian, payload size first";
}

TEST(Frame, RefusesAPayloadOverTheLimit) {
  char bytes[kHeaderSize];
  encode({.size = kMaxPayload, .type = FrameType::Body}, bytes);
  EXPECT_TRUE(decode_frame_header(bytes));
  encode({.size = kMaxPayload + 1, .type = FrameType::Body}, bytes);
  EXPECT_FALSE(decode_frame_header(bytes));
}

TEST(Frame, RefusesAHeadLargerThanItsPayload) {
  char bytes[kHeaderSize];
  encode({.size = 10, .type = FrameType::Request, .extra = 11}, bytes);
  EXPECT_FALSE(decode_frame_header(bytes));
  encode({.size = 10, .type = FrameType::Credit, .extra = 11}, bytes);
  EXPECT_TRUE(decode_frame_header(bytes)) << "extra means something else in other frames";
}

TEST(Frame, RefusesReservedBytes) {
  char bytes[kHeaderSize];
  encode({.type = FrameType::Ping}, bytes);
  bytes[10] = 1;
  EXPECT_FALSE(decode_frame_header(bytes));
}

TEST(Frame, AppendTakesTheSizeFromThePayload) {
  std::string out = "before";
  append_frame(out, {.stream = 3, .type = FrameType::Abort}, "reason");
  ASSERT_EQ(out.size(), 6 + kHeaderSize + 6);
  EXPECT_EQ(decode_frame_header(out.data() + 6)->size, 6u);
  EXPECT_EQ(out.substr(6 + kHeaderSize), "reason");
}

TEST(RequestHead, SurvivesEncodingAndDecoding) {
  const std::string bytes = encoded(sample_request());
  RequestHead head;
  ASSERT_TRUE(decode(bytes, head));
  EXPECT_EQ(head, sample_request());
}

TEST(RequestHead, DecodingReplacesWhatAReusedHeadHeld) {
  RequestHead head = sample_request();
  RequestHead bare;
  bare.request_id = sample_request().request_id;
  const std::string bytes = encoded(bare);
  ASSERT_TRUE(decode(bytes, head));
  EXPECT_EQ(head, bare);
}

TEST(RequestHead, DecodesOnlyWhenNoByteIsMissingOrLeftOver) {
  expect_only_the_whole_decodes<RequestHead>(encoded(sample_request()));
}

TEST(RequestHead, RefusesUnknownKindVersionFlagAndIdLength) {
  const std::string good = encoded(sample_request());
  RequestHead head;
  for (auto [offset, value] : {std::pair{0, 3}, {1, 12}, {2, 2}, {3, 1}}) {
    std::string bad = good;
    bad[static_cast<std::size_t>(offset)] = static_cast<char>(value);
    EXPECT_FALSE(decode(bad, head)) << offset;
  }
  RequestHead short_id = sample_request();
  short_id.request_id = "short";
  EXPECT_FALSE(decode(encoded(short_id), head));
}

TEST(RequestHead, ThatDoesNotFitIsNotEncodedInPart) {
  const std::string large(kMaxPayload, 'x');
  RequestHead head = sample_request();
  head.raw_path = large;
  std::string out = "before";
  EXPECT_FALSE(encode(head, out));
  head = sample_request();
  head.method = std::string_view(large).substr(0, 0x10000);
  EXPECT_FALSE(encode(head, out));
  EXPECT_EQ(out, "before");
}

TEST(RequestHead, HoldsAnyHttpHeadOf64KiB) {
  RequestHead head = sample_request();
  head.headers.assign(64 * 1024 / 4, {"a", ""});  // "a:\r\n" is the smallest header
  std::string out;
  EXPECT_TRUE(encode(head, out));
}

TEST(RequestHead, ACountThatTheBytesCannotHoldReservesNothing) {
  Headers headers;
  EXPECT_FALSE(decode(std::string_view("\xff\xff\0\0", 4), headers));
  EXPECT_EQ(headers.capacity(), 0u);
}

TEST(ResponseHead, SurvivesEncodingAndDecoding) {
  const std::string bytes = encoded(sample_response());
  ResponseHead head;
  ASSERT_TRUE(decode(bytes, head));
  EXPECT_EQ(head, sample_response());
}

TEST(ResponseHead, DecodesOnlyWhenNoByteIsMissingOrLeftOver) {
  expect_only_the_whole_decodes<ResponseHead>(encoded(sample_response()));
}

TEST(Trailers, SurviveEncodingAndDecoding) {
  const Headers trailers = sample_response().headers;
  const std::string bytes = encoded(trailers);
  Headers decoded;
  ASSERT_TRUE(decode(bytes, decoded));
  EXPECT_EQ(decoded, trailers);
  expect_only_the_whole_decodes<Headers>(bytes);
}

TEST(AcceptHead, SurvivesEncodingAndDecoding) {
  for (const char* subprotocol : {"", "chat.v2"}) {
    const AcceptHead head{.subprotocol = subprotocol, .headers = sample_response().headers};
    const std::string bytes = encoded(head);
    AcceptHead decoded;
    ASSERT_TRUE(decode(bytes, decoded));
    EXPECT_EQ(decoded, head);
    expect_only_the_whole_decodes<AcceptHead>(bytes);
  }
}

}  // namespace
}  // namespace bimodal::wire

// Requests that two programs could cut differently: none reaches a container as something else than it says.
#include <fmt/format.h>

#include "gateway/abuse_support.h"

namespace bimodal::gateway {
namespace {

// A request that a careless server would find inside the body of another.
const std::string kInner = "GET /smuggled HTTP/1.1\r\nHost: app.localhost\r\n\r\n";

std::string post(const std::string& lines, const std::string& body) {
  return "POST /echo HTTP/1.1\r\nHost: app.localhost\r\n" + lines + "\r\n\r\n" + body;
}

std::string chunked(const std::string& body) {
  return post("Transfer-Encoding: chunked", body);
}

std::string get(const std::string& lines) {
  return "GET /echo HTTP/1.1\r\nHost: app.localhost\r\n" + lines + "\r\n\r\n";
}

const AbuseCase kLengths[] = {
    // Content-Length against Transfer-Encoding, either way around.
    {"ClTe", post("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nX" + kInner), {400}},
    {"ClTeWholeInner", post("Content-Length: 60\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + kInner), {400}},
    {"TeCl", post("Transfer-Encoding: chunked\r\nContent-Length: 4", "30\r\n" + kInner + "\r\n0\r\n\r\n"), {400}},
    {"TeClOfZero", post("Transfer-Encoding: chunked\r\nContent-Length: 0", "0\r\n\r\n" + kInner), {400}},
    {"TeClInGet", get("Content-Length: 4\r\nTransfer-Encoding: chunked") + "0\r\n\r\n", {400}},
    {"TeTe", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n" + kInner), {400}},
    {"TeTeEqual", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + kInner), {400}},
    {"TeTeOtherFirst", post("Transfer-Encoding: x\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + kInner), {501}},
    {"TeTeOtherCase", post("Transfer-Encoding: chunked\r\ntransfer-encoding: cow", "0\r\n\r\n" + kInner), {400}},
    {"TeListTwice", post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n" + kInner), {501}},
    {"TeListIdentity", post("Transfer-Encoding: chunked, identity", "0\r\n\r\n" + kInner), {501}},
    {"TeGzipChunked", post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n" + kInner), {501}},
    {"TeIdentity", post("Transfer-Encoding: identity\r\nContent-Length: 3", "abc" + kInner), {501}},
    {"TeIdentityAlone", post("Transfer-Encoding: identity", kInner), {501}},
    {"TeEmpty", post("Transfer-Encoding:\r\nContent-Length: 3", "abc" + kInner), {501}},
    {"TeComma", post("Transfer-Encoding: ,chunked", "0\r\n\r\n" + kInner), {501}},
    {"TeTrailingComma", post("Transfer-Encoding: chunked,", "0\r\n\r\n" + kInner), {501}},
    {"TeQuoted", post("Transfer-Encoding: \"chunked\"", "0\r\n\r\n" + kInner), {501}},
    {"TeParameter", post("Transfer-Encoding: chunked;a=b", "0\r\n\r\n" + kInner), {501}},
    {"TeTruncated", post("Transfer-Encoding: chunke", "0\r\n\r\n" + kInner), {501}},
    {"TeLonger", post("Transfer-Encoding: chunkedd", "0\r\n\r\n" + kInner), {501}},
    {"TeNonAscii",
     post(
         "Transfer-Encoding: chun\xe2\x84\xaa"
         "ed",
         "0\r\n\r\n" + kInner),
     {501}},
    {"TeVerticalTab",
     post(
         "Transfer-Encoding:\x0b"
         "chunked",
         "0\r\n\r\n" + kInner),
     {400}},
    {"TeFormFeed", post("Transfer-Encoding: chunked\x0c", "0\r\n\r\n" + kInner), {400}},
    {"TeNul", post(bytes("Transfer-Encoding: chunked\0"), "0\r\n\r\n" + kInner), {400}},
    {"TeBlankBeforeColon", post("Transfer-Encoding : chunked", "0\r\n\r\n" + kInner), {400}},
    {"TeTabBeforeColon", post("Transfer-Encoding\t: chunked", "0\r\n\r\n" + kInner), {400}},
    {"TeFolded", post("Transfer-Encoding:\r\n chunked", "0\r\n\r\n" + kInner), {400}},
    {"TeFoldedTab", post("X: y\r\n\tTransfer-Encoding: chunked", "0\r\n\r\n" + kInner), {400}},
    {"TeBehindBareLf", post("X: y\nTransfer-Encoding: chunked", "0\r\n\r\n" + kInner), {400}},
    {"TeBehindBareCr", post("X: y\rTransfer-Encoding: chunked", "0\r\n\r\n" + kInner), {400}},
    {"TeBehindCrCrLf", post("X: y\r\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + kInner), {400}},
    {"TeInHttp10",
     "POST /echo HTTP/1.0\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + kInner,
     {400}},
    {"TeDeflateFirst", post("Transfer-Encoding: deflate, chunked", "0\r\n\r\n" + kInner), {501}},
    // Two lengths, and lengths that are no number.
    {"TwoLengths", post("Content-Length: 3\r\nContent-Length: 50", "abc" + kInner), {400}},
    {"TwoLengthsOtherCase", post("Content-Length: 3\r\ncontent-length: 50", "abc" + kInner), {400}},
    {"TwoEqualLengths", post("Content-Length: 3\r\nContent-Length: 3", "abc" + kInner), {400}},
    {"TwoLengthsApart", post("Content-Length: 3\r\nX: y\r\nContent-Length: 50", "abc" + kInner), {400}},
    {"LengthZeroAndMore", post("Content-Length: 0\r\nContent-Length: 50", kInner), {400}},
    {"LengthList", post("Content-Length: 3, 50", "abc" + kInner), {400}},
    {"LengthListEqual", post("Content-Length: 3,3", "abc" + kInner), {400}},
    {"LengthPlus", post("Content-Length: +3", "abc" + kInner), {400}},
    {"LengthMinus", post("Content-Length: -3", "abc" + kInner), {400}},
    {"LengthMinusZero", post("Content-Length: -0", kInner), {400}},
    {"LengthHex", post("Content-Length: 0x3", "abc" + kInner), {400}},
    {"LengthExponent", post("Content-Length: 3e0", "abc" + kInner), {400}},
    {"LengthFraction", post("Content-Length: 3.0", "abc" + kInner), {400}},
    {"LengthUnderscore", post("Content-Length: 0_3", "abc" + kInner), {400}},
    {"LengthTail", post("Content-Length: 3 x", "abc" + kInner), {400}},
    {"LengthTwoWords", post("Content-Length: 3 50", "abc" + kInner), {400}},
    {"LengthEmpty", post("Content-Length:", kInner), {400}},
    {"LengthBlank", post("Content-Length:   ", kInner), {400}},
    {"LengthQuoted", post("Content-Length: \"3\"", "abc" + kInner), {400}},
    {"LengthSemicolon", post("Content-Length: 3;x", "abc" + kInner), {400}},
    {"LengthBeyond64Bits", post("Content-Length: 18446744073709551616", "abc" + kInner), {400}},
    {"LengthWraps", post("Content-Length: 18446744073709551619", "abc" + kInner), {400}},
    {"LengthHugeDigits", post("Content-Length: " + std::string(200, '9'), "abc" + kInner), {400}},
    {"LengthNul", post(bytes("Content-Length: 3\0"), "abc" + kInner), {400}},
    {"LengthBlankBeforeColon", post("Content-Length : 3", "abc" + kInner), {400}},
    {"LengthFolded", post("Content-Length:\r\n 3", "abc" + kInner), {400}},
    {"LengthBehindBareLf", post("X: y\nContent-Length: 50", kInner), {400}},
    {"LengthArabicDigits", post("Content-Length: \xd9\xa3", "abc" + kInner), {400}},
    // Right, though unusual: read exactly as it says.
    {"LengthWithZeros", post("Content-Length: 00003", "abc"), {200}, After::GoesOn, 1},
    {"LengthWithBlanks", post("Content-Length: \t 3 \t", "abc"), {200}, After::GoesOn, 1},
    {"LengthOfZero", post("Content-Length: 0", ""), {200}, After::GoesOn, 1},
    {"ChunkedOtherCase", post("tRANSFER-eNCODING: CHUNKED", "3\r\nabc\r\n0\r\n\r\n"), {200}, After::GoesOn, 1},
    {"LengthInGet", get("Content-Length: 3") + "abc", {200}, After::GoesOn, 1},
    {"ChunkedGet", get("Transfer-Encoding: chunked") + "3\r\nabc\r\n0\r\n\r\n", {200}, After::GoesOn, 1},
    {"InnerAsBody", post("Content-Length: " + std::to_string(kInner.size()), kInner), {200}, After::GoesOn, 1},
    {"LookalikeNames",
     post("Content_Length: 99\r\nTransfer_Encoding: chunked\r\nContent-Length: 3", "abc"),
     {200},
     After::GoesOn,
     1},
    {"LengthNamedInConnection",
     post("Connection: Content-Length\r\nContent-Length: 3", "abc"),
     {200},
     After::GoesOn,
     1},
    {"TeNamedInConnection",
     post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n"),
     {200},
     After::GoesOn,
     1},
};

const AbuseCase kChunks[] = {
    {"SizeEmpty", chunked("\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeNoHex", chunked("g\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizePrefix", chunked("0x3\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizePlus", chunked("+3\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeMinus", chunked("-3\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeMinusZero", chunked("-0\r\n\r\n" + kInner), {400}, After::Closed, kMaybeOne},
    {"SizeBlankBefore", chunked(" 3\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeBlankBehind", chunked("3 \r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeTabBehind", chunked("3\t\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeUnderscore", chunked("0_3\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeComma", chunked("3,3\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeNul", chunked(bytes("3\0\r\nabc\r\n0\r\n\r\n")), {400}, After::Closed, kMaybeOne},
    {"SizeTooLong", chunked("0000000000000003\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeWraps", chunked("10000000000000003\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeAllOnes", chunked("ffffffffffffffff\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeBareLf", chunked("3\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeBareCr", chunked("3\rabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"SizeCrCrLf", chunked("3\r\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"ExtensionBareLf", chunked("3;a\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"ExtensionBareLfHidesAChunk", chunked("3;\nx\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"ExtensionBareCr", chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"ExtensionControl", chunked("3;a\x01\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"ExtensionTooLong",
     chunked("3;" + std::string(257, 'a') + "\r\nabc\r\n0\r\n\r\n"),
     {400},
     After::Closed,
     kMaybeOne},
    {"ExtensionBlankBefore", chunked("3 ;a\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"DataTooLong", chunked("3\r\nabcd\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"DataTooShort", chunked("4\r\nabc\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"DataWithoutEnd", chunked("3\r\nabc0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"DataEndsInLf", chunked("3\r\nabc\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"DataEndsInCr", chunked("3\r\nabc\r0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"DataEndsInCrCrLf", chunked("3\r\nabc\r\r\n0\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"LastChunkBareLf", chunked("0\n\n" + kInner), {400}, After::Closed, kMaybeOne},
    {"LastChunkEndsInLf", chunked("0\r\n\n" + kInner), {400}, After::Closed, kMaybeOne},
    {"LastChunkEndsInCr", chunked("0\r\n\rX" + kInner), {400}, After::Closed, kMaybeOne},
    {"TrailerWithoutColon", chunked("0\r\nX\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"TrailerIsARequest", chunked("0\r\n" + kInner), {400}, After::Closed, kMaybeOne},
    {"TrailerFolded", chunked("0\r\nX: a\r\n b\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"TrailerBareLf", chunked("0\r\nX: a\nY: b\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"TrailerBareCr", chunked("0\r\nX: a\rY: b\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"TrailerBlankBeforeColon", chunked("0\r\nX : a\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"TrailerWithoutName", chunked("0\r\n: a\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"TrailerNul", chunked(bytes("0\r\nX: \0\r\n\r\n")), {400}, After::Closed, kMaybeOne},
    {"TrailersTooLarge", chunked("0\r\nX: " + std::string(9000, 'a') + "\r\n\r\n"), {400}, After::Closed, kMaybeOne},
    {"TrailersTooMany", chunked("0\r\n" + repeat("X: a\r\n", 2000) + "\r\n"), {400}, After::Closed, kMaybeOne},
    // Right, though unusual. What a trailer says changes nothing about the request.
    {"SizeWithZeros", chunked("0003\r\nabc\r\n000\r\n\r\n"), {200}, After::GoesOn, 1},
    {"SizeUpperCase", chunked("A\r\n0123456789\r\n0\r\n\r\n"), {200}, After::GoesOn, 1},
    {"Extension", chunked("3;name=\"value; \"\r\nabc\r\n0;last\r\n\r\n"), {200}, After::GoesOn, 1},
    {"OneByteChunks", chunked(repeat("1\r\na\r\n", 300) + "0\r\n\r\n"), {200}, After::GoesOn, 1},
    {"InnerAsChunk", chunked(fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", kInner.size(), kInner)), {200}, After::GoesOn, 1},
    {"TrailerContentLength", chunked("3\r\nabc\r\n0\r\nContent-Length: 50\r\n\r\n"), {200}, After::GoesOn, 1},
    {"TrailerTransferEncoding", chunked("3\r\nabc\r\n0\r\nTransfer-Encoding: x\r\n\r\n"), {200}, After::GoesOn, 1},
    {"TrailerHost", chunked("3\r\nabc\r\n0\r\nHost: other.localhost\r\n\r\n"), {200}, After::GoesOn, 1},
    {"TrailerConnectionClose", chunked("3\r\nabc\r\n0\r\nConnection: close\r\n\r\n"), {200}, After::GoesOn, 1},
};

class Smuggling : public AbuseTest {};

TEST_P(Smuggling, IsReadInOneWayOnly) {
  run(GetParam(), GetParam().bytes.size() + kProbe.size());
}

TEST_P(Smuggling, IsReadInOneWayOnlyByteByByte) {
  run(GetParam(), 1);
}

auto name_of = [](const testing::TestParamInfo<AbuseCase>& info) { return std::string(info.param.name); };

INSTANTIATE_TEST_SUITE_P(Length, Smuggling, testing::ValuesIn(kLengths), name_of);
INSTANTIATE_TEST_SUITE_P(Chunk, Smuggling, testing::ValuesIn(kChunks), name_of);

}  // namespace
}  // namespace bimodal::gateway

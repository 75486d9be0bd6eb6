// What RFC 9113, 7541 and 8441 ask of a server, as bytes and what comes back. Names are the rules.
#include <gtest/gtest.h>

#include "http/http2_test_support.h"

namespace bimodal::http::h2 {
namespace {

// Codes of RFC 9113 §7.
#define PROTOCOL "1"
#define FLOW "3"
#define CLOSED "5"
#define SIZE "6"
#define COMPRESSION "9"
#define CALM "11"

struct Case {
  const char* name;
  std::string bytes;     // behind the preface and an empty SETTINGS, unless they begin with "PRI"
  const char* expected;  // words of Peer2::told(), each must be there; with '!' in front it mustn't
};

void PrintTo(const Case& each, std::ostream* out) {
  *out << each.name;
}

std::string repeated(const std::string& bytes, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += bytes;
  return all;
}

std::string gets(int count, const std::string& path = "/stall") {
  std::string all;
  for (int i = 0; i < count; ++i) all += get(static_cast<std::uint32_t>(2 * i + 1), path);
  return all;
}

const std::string kReserved = number(0x80000001u, 4);

std::vector<Case> preface_and_frames() {
  const std::string preface(kHttp2Preface);
  return {
      {"PrefaceAlone", preface, "!goaway=" PROTOCOL},
      {"PrefaceWithWrongEnd", preface.substr(0, 22) + "xx" + frame(kSettings, 0, 0, ""), "goaway=" PROTOCOL},
      {"FirstFrameMustBeSettings", preface + frame(kPing, 0, 0, "12345678"), "goaway=" PROTOCOL " closed"},
      {"FirstFrameMayNotBeHeaders", preface + get(1), "goaway=" PROTOCOL},
      {"FirstFrameMayNotBeASettingsAck", preface + frame(kSettings, kAck, 0, ""), "goaway=" PROTOCOL},
      {"UnknownTypeIsIgnored", frame(0x16, 0, 0, "hello") + get(1), "1:200 1:end"},
      {"UnknownTypeOnAStreamIsIgnored", frame(0xfe, 0xff, 1, "x") + get(1), "1:200"},
      {"UnknownTypeWithinABlockIsRefused", head(1, request("/now"), kEnd) + frame(0x16, 0, 1, ""), "goaway=" PROTOCOL},
      {"UndefinedFlagsAreIgnored", frame(kPing, 0x16, 0, "12345678"), "ping"},
      {"ReservedBitOfAStreamIsIgnored", frame(kPing, 0, 0x80000000u, "12345678"), "ping"},
      {"ReservedBitOfAWindowIsIgnored", frame(kWindow, 0, 0, kReserved) + get(1), "1:200"},
      {"LargestFrameIsTaken", post(1) + data(1, std::string(16384, 'x'), kEnd), "1:200 1:end"},
      {"LargerDataIsRefused", post(1) + data(1, std::string(16385, 'x'), kEnd), "goaway=" SIZE},
      {"LargerHeadersAreRefused", frame(kHeaders, kEnd | kEndHead, 1, std::string(16385, 'x')), "goaway=" SIZE},
      {"LargerUnknownFrameIsRefused", frame(0x20, 0, 0, std::string(16385, 'x')), "goaway=" SIZE},
      {"OpensWithSettingsOfItsOwn", "", "ack 0:window"},
      {"HeadersOnStreamZero", head(0, request("/now")), "goaway=" PROTOCOL},
      {"DataOnStreamZero", data(0, "x"), "goaway=" PROTOCOL},
      {"PriorityOnStreamZero", frame(kPriority, 0, 0, number(0, 5)), "goaway=" PROTOCOL},
      {"ResetOnStreamZero", frame(kReset, 0, 0, number(8, 4)), "goaway=" PROTOCOL},
      {"ContinuationOnStreamZero", frame(kContinuation, kEndHead, 0, "x"), "goaway=" PROTOCOL},
      {"SettingsOnAStream", frame(kSettings, 0, 1, ""), "goaway=" PROTOCOL},
      {"PingOnAStream", frame(kPing, 0, 1, "12345678"), "goaway=" PROTOCOL},
      {"GoawayOnAStream", frame(kGoaway, 0, 1, number(0, 8)), "goaway=" PROTOCOL},
      {"PushPromiseOfAClient", frame(kPush, kEndHead, 1, number(2, 4)), "goaway=" PROTOCOL},
      {"EvenStreamOfAClient", get(2), "goaway=" PROTOCOL},
      {"StreamsGoUp", get(5) + get(3), "goaway=" PROTOCOL},
      {"StreamsMayBeLeftOut", get(1) + get(99), "1:200 99:200"},
      {"HighestStream", get(0x7fffffff), "2147483647:200"},
      {"HeadPadded", frame(kHeaders, kEnd | kEndHead | kPadded, 1, "\3" + block(request("/now")) + "pad"), "1:200"},
      {"HeadPaddedBeyondItsEnd", frame(kHeaders, kEnd | kEndHead | kPadded, 1, "\x7f" + block(request("/now"))),
       "goaway=" PROTOCOL},
      {"HeadWithPriority",
       frame(kHeaders, kEnd | kEndHead | kWithPriority, 1, number(0x80000003u, 4) + "\x10" + block(request("/now"))),
       "1:200"},
      {"HeadTooShortForItsPriority", frame(kHeaders, kEnd | kEndHead | kWithPriority, 1, "abc"), "goaway=" SIZE},
      {"DataPadded", post(1) + frame(kData, kEnd | kPadded, 1, std::string("\2") + "hi" + "xx"), "1:200"},
      {"DataAllPadding", post(1) + frame(kData, kEnd | kPadded, 1, std::string("\2") + "xx"), "1:200"},
      {"DataPaddedBeyondItsEnd", post(1) + frame(kData, kEnd | kPadded, 1, "\6xxxxx"), "goaway=" PROTOCOL},
      {"DataEmptyButPadded", post(1) + frame(kData, kEnd | kPadded, 1, ""), "goaway=" PROTOCOL},
      {"DataEmptyEnd", post(1) + data(1, "", kEnd), "1:200"},
  };
}

std::vector<Case> control_frames() {
  return {
      {"SettingsAreAcknowledged", frame(kSettings, 0, 0, setting(3, 10)), "ack"},
      {"SettingsOfOddLength", frame(kSettings, 0, 0, "abc"), "goaway=" SIZE},
      {"SettingsAckWithAPayload", frame(kSettings, kAck, 0, setting(3, 10)), "goaway=" SIZE},
      {"SettingsAckUnasked", frame(kSettings, kAck, 0, "") + get(1), "1:200"},
      {"UnknownSettingIsIgnored", frame(kSettings, 0, 0, setting(0xff, 1)) + get(1), "ack 1:200"},
      {"EnablePushMayBeOff", frame(kSettings, 0, 0, setting(2, 0)) + get(1), "1:200"},
      {"EnablePushIsABit", frame(kSettings, 0, 0, setting(2, 2)), "goaway=" PROTOCOL},
      {"InitialWindowTooLarge", frame(kSettings, 0, 0, setting(4, 0x80000000u)), "goaway=" FLOW},
      {"InitialWindowLargest", frame(kSettings, 0, 0, setting(4, 0x7fffffffu)) + get(1), "1:200"},
      {"MaxFrameSizeTooSmall", frame(kSettings, 0, 0, setting(5, 16383)), "goaway=" PROTOCOL},
      {"MaxFrameSizeTooLarge", frame(kSettings, 0, 0, setting(5, 16777216)), "goaway=" PROTOCOL},
      {"MaxFrameSizeSmallest", frame(kSettings, 0, 0, setting(5, 16384)) + get(1), "1:200"},
      {"ConnectProtocolIsABit", frame(kSettings, 0, 0, setting(8, 2)), "goaway=" PROTOCOL},
      {"NoPrioritiesIsABit", frame(kSettings, 0, 0, setting(9, 2)), "goaway=" PROTOCOL},
      {"HeaderTableSizeZero", frame(kSettings, 0, 0, setting(1, 0)) + get(1) + get(3), "1:200 3:200"},
      {"HeaderTableSizeHuge", frame(kSettings, 0, 0, setting(1, 0xffffffffu)) + get(1), "1:200"},
      {"MaxStreamsOfTheClientZero", frame(kSettings, 0, 0, setting(3, 0)) + get(1), "1:200"},
      {"ManySettingsInOneFrame", frame(kSettings, 0, 0, repeated(setting(3, 9), 30)) + get(1), "1:200"},
      {"TooManySettingsInOneFrame", frame(kSettings, 0, 0, repeated(setting(3, 9), 33)), "goaway=" CALM},
      {"PingIsAnswered", frame(kPing, 0, 0, "12345678"), "ping"},
      {"PingAckUnasked", frame(kPing, kAck, 0, "12345678") + get(1), "1:200 !ping"},
      {"PingTooShort", frame(kPing, 0, 0, "1234567"), "goaway=" SIZE},
      {"PingTooLong", frame(kPing, 0, 0, "123456789"), "goaway=" SIZE},
      {"GoawayLetsRunningStreamsEnd", post(1) + frame(kGoaway, 0, 0, number(0, 8)) + data(1, "x", kEnd),
       "1:200 closed"},
      {"GoawayTooShort", frame(kGoaway, 0, 0, "1234"), "goaway=" SIZE},
      {"GoawayWithoutStreamsEnds", frame(kGoaway, 0, 0, number(0, 8)), "closed"},
      {"PriorityIsIgnored", frame(kPriority, 0, 3, number(1, 4) + "\x10") + get(1), "1:200"},
      {"PriorityOnItselfIsIgnored", frame(kPriority, 0, 3, number(3, 4) + "\x10") + get(3), "3:200"},
      {"PriorityOfAClosedStream", get(1) + frame(kPriority, 0, 1, number(0, 5)) + get(3), "3:200"},
      {"PriorityTooShort", frame(kPriority, 0, 3, "1234"), "goaway=" SIZE},
      {"PriorityWithinABlock", head(1, request("/now"), kEnd) + frame(kPriority, 0, 1, number(0, 5)),
       "goaway=" PROTOCOL},
      {"ResetEndsARequest", get(1, "/stall") + frame(kReset, 0, 1, number(8, 4)) + get(3), "3:200 !1:200"},
      {"ResetTooShort", get(1, "/stall") + frame(kReset, 0, 1, "123"), "goaway=" SIZE},
      {"ResetTooLong", get(1, "/stall") + frame(kReset, 0, 1, "12345"), "goaway=" SIZE},
      {"ResetOfAnIdleStream", frame(kReset, 0, 1, number(8, 4)), "goaway=" PROTOCOL},
      {"ResetOfAClosedStream", get(1) + frame(kReset, 0, 1, number(8, 4)) + get(3), "3:200"},
      {"ResetWithAnUnknownCode", get(1, "/stall") + frame(kReset, 0, 1, number(0xffff, 4)) + get(3), "3:200"},
      {"WindowTooShort", frame(kWindow, 0, 0, "123"), "goaway=" SIZE},
      {"WindowOfNothing", frame(kWindow, 0, 0, number(0, 4)), "goaway=" PROTOCOL},
      {"WindowOfNothingOnAStream", get(1, "/stall") + frame(kWindow, 0, 1, number(0, 4)), "goaway=" PROTOCOL},
      {"WindowOverflows", frame(kWindow, 0, 0, number(0x7fffffff, 4)), "goaway=" FLOW},
      {"WindowOfAStreamOverflows", get(1, "/stall") + frame(kWindow, 0, 1, number(0x7fffffff, 4)) + get(3),
       "1:rst=" FLOW " 3:200"},
      {"WindowOfAnIdleStream", frame(kWindow, 0, 1, number(1, 4)), "goaway=" PROTOCOL},
      {"WindowOfAClosedStream", get(1) + frame(kWindow, 0, 1, number(1, 4)) + get(3), "3:200"},
      // §6.9.2 asks for the end of the connection; nghttp2 ends the stream.
      {"InitialWindowOverflowsAStream",
       get(1, "/stall") + frame(kWindow, 0, 1, number(0x7fff0000, 4)) + frame(kSettings, 0, 0, setting(4, 0x7fffffff)),
       "1:rst=" FLOW},
      {"NoWindowNoBody", frame(kSettings, 0, 0, setting(4, 0)) + get(1), "1:200 !1:end"},
      {"WindowOpensTheBody", frame(kSettings, 0, 0, setting(4, 0)) + get(1) + frame(kWindow, 0, 1, number(3, 4)),
       "1:200 1:end"},
      {"SettingsOpenTheBody",
       frame(kSettings, 0, 0, setting(4, 0)) + get(1) + frame(kSettings, 0, 0, setting(4, 1)) +
           frame(kSettings, 0, 0, setting(4, 3)),
       "1:200 1:end"},
      {"WindowMayBeNegative",
       frame(kSettings, 0, 0, setting(4, 3)) + get(1, "/big") + frame(kSettings, 0, 0, setting(4, 1)) +
           frame(kWindow, 0, 1, number(2, 4)) + get(3),
       "1:200 3:200 !3:end"},
  };
}

std::vector<Case> states() {
  const std::string unfinished = head(1, request("/now"), kEnd);
  return {
      {"DataOnAnIdleStream", data(1, "x"), "goaway=" PROTOCOL},
      {"DataBehindTheEnd", get(1, "/stall") + data(1, "x"), "goaway=" CLOSED},
      {"HeadersBehindTheEnd", get(1, "/stall") + get(1), "goaway=" CLOSED},
      {"ContinuationBehindTheEnd", get(1, "/stall") + frame(kContinuation, kEndHead, 1, "x"), "goaway=" PROTOCOL},
      {"DataOnAClosedStream", get(1) + data(1, "x"), "goaway=" CLOSED},
      {"HeadersOnAClosedStream", get(1) + get(1), "goaway=" CLOSED},
      {"DataBehindItsOwnReset", post(1) + frame(kReset, 0, 1, number(8, 4)) + data(1, "x"), "goaway=" CLOSED},
      {"HeadersBehindItsOwnReset", post(1) + frame(kReset, 0, 1, number(8, 4)) + get(1), "goaway=" CLOSED},
      {"DataBehindOurResetIsForgiven",
       post(1, "/echo", {{"connection", "close"}}) + data(1, "x") + data(1, "y", kEnd) + get(3),
       "1:rst=" PROTOCOL " 3:200"},
      {"HeadersOnAStreamLeftOut", get(5) + get(1), "goaway=" PROTOCOL},
      {"DataOnAStreamLeftOut", get(5) + data(1, "x"), "goaway=" CLOSED},
      {"BlockInPieces",
       head(1, {}, kEnd) + frame(kContinuation, 0, 1, block(request("/now")).substr(0, 9)) +
           frame(kContinuation, kEndHead, 1, block(request("/now")).substr(9)),
       "1:200 1:end"},
      {"BlockInEmptyPieces",
       unfinished + repeated(frame(kContinuation, 0, 1, ""), 5) + frame(kContinuation, kEndHead, 1, ""), "1:200"},
      {"BlockInAsManyPiecesAsAllowed",
       unfinished + repeated(frame(kContinuation, 0, 1, ""), 7) + frame(kContinuation, kEndHead, 1, ""), "1:200"},
      {"BlockInOnePieceMore",
       unfinished + repeated(frame(kContinuation, 0, 1, ""), 8) + frame(kContinuation, kEndHead, 1, ""),
       "goaway=" CALM " !1:200"},
      {"DataWithinABlock", unfinished + data(1, "x"), "goaway=" PROTOCOL},
      {"HeadersWithinABlock", unfinished + get(3), "goaway=" PROTOCOL},
      {"PingWithinABlock", unfinished + frame(kPing, 0, 0, "12345678"), "goaway=" PROTOCOL},
      {"SettingsWithinABlock", unfinished + frame(kSettings, 0, 0, ""), "goaway=" PROTOCOL},
      {"WindowWithinABlock", unfinished + frame(kWindow, 0, 0, number(1, 4)), "goaway=" PROTOCOL},
      {"ResetWithinABlock", unfinished + frame(kReset, 0, 1, number(8, 4)), "goaway=" PROTOCOL},
      {"GoawayWithinABlock", unfinished + frame(kGoaway, 0, 0, number(0, 8)), "goaway=" PROTOCOL},
      {"PushWithinABlock", unfinished + frame(kPush, kEndHead, 1, number(2, 4)), "goaway=" PROTOCOL},
      {"ContinuationOfAnotherStream", unfinished + frame(kContinuation, kEndHead, 3, ""), "goaway=" PROTOCOL},
      {"ContinuationUnasked", frame(kContinuation, kEndHead, 1, ""), "goaway=" PROTOCOL},
      {"ContinuationBehindACompleteBlock", get(1) + frame(kContinuation, kEndHead, 1, ""), "goaway=" PROTOCOL},
      {"ContinuationBehindData", post(1) + data(1, "x") + frame(kContinuation, kEndHead, 1, ""), "goaway=" PROTOCOL},
      {"TooManyContinuations", unfinished + repeated(frame(kContinuation, 0, 1, ""), 40), "goaway=" CALM " closed"},
      {"AsManyStreamsAsAllowed", gets(128) + data(0, ""), "goaway=" PROTOCOL " !1:rst=7"},
      {"OneStreamMoreBeforeTheAck", gets(129), "257:rst=7 !goaway=" PROTOCOL},
      {"OneStreamMoreBehindTheAck", frame(kSettings, kAck, 0, "") + gets(129), "goaway=" PROTOCOL},
      {"StreamsUpToTheLimitAreAnswered", gets(128, "/now"), "255:200 255:end"},
      {"TrailersEndARequest", post(1) + data(1, "x") + head(1, {{"x-sum", "1"}}), "1:200 1:end"},
      {"TrailersWithoutAnEnd", post(1) + data(1, "x") + head(1, {{"x-sum", "1"}}, kEndHead), "1:rst=" PROTOCOL},
      {"TrailersWithAPseudoField", post(1) + data(1, "x") + head(1, {{":method", "GET"}}), "1:rst=" PROTOCOL},
      {"TrailersOfAConnection", post(1) + data(1, "x") + head(1, {{"connection", "close"}}), "1:rst=" PROTOCOL},
      {"TrailersWithUpperCase", post(1) + data(1, "x") + head(1, {{"X-Sum", "1"}}), "1:rst=" PROTOCOL},
      {"BodyLongerThanItsLength", post(1, "/echo", {{"content-length", "1"}}) + data(1, "xx", kEnd), "1:rst=" PROTOCOL},
      {"BodyShorterThanItsLength", post(1, "/echo", {{"content-length", "3"}}) + data(1, "xx", kEnd),
       "1:rst=" PROTOCOL},
      {"BodyOfItsLengthInPieces",
       post(1, "/echo", {{"content-length", "4"}}) + data(1, "ab") + data(1, "cd") + data(1, "", kEnd), "1:200"},
      {"LengthWithoutABody", head(1, request("/echo", "POST", {{"content-length", "3"}})), "1:rst=" PROTOCOL},
      {"BodyBeyondItsWindow", post(1, "/stall") + repeated(data(1, std::string(16384, 'x')), 4), "1:rst=" FLOW},
      {"EarlyAnswerLeavesTheBody", post(1, "/early") + data(1, "x") + data(1, "y", kEnd) + get(3),
       "1:403 1:end 3:200 !1:rst=0"},
      {"EarlyAnswerResetsALongBody", post(1, "/early") + repeated(data(1, std::string(16000, 'x')), 3) + get(3),
       "1:403 1:end 1:rst=0 3:200"},
  };
}

std::vector<Case> blocks() {
  const std::string good = block(request("/now"));
  auto whole = [](const std::string& bytes) { return frame(kHeaders, kEnd | kEndHead, 1, bytes); };
  // Indices of the static table: 2 GET, 4 /, 6 http.
  const std::string indexed = "\x82\x86" + literal(":path", "/now") + literal(":authority", "a");
  return {
      {"StaticTable", whole(indexed), "1:200"},
      {"IncrementalIndexing", whole(indexed + "\x40\1a\1b\xbe"), "1:200"},
      {"NeverIndexed", whole(indexed + std::string("\x10\1a\1b")), "1:200"},
      {"HuffmanCoded", whole(indexed + std::string("\0\1a\x81\x1f", 5)), "1:200"},
      {"HuffmanWithPaddingTooLong", whole(indexed + std::string("\0\1a\x82\x1f\xff", 6)), "goaway=" COMPRESSION},
      {"HuffmanPaddedWithZeros", whole(indexed + std::string("\0\1a\x81\x18", 5)), "goaway=" COMPRESSION},
      {"HuffmanWithItsEnd", whole(indexed + std::string("\0\1a\x84\xff\xff\xff\xff", 8)), "goaway=" COMPRESSION},
      {"IndexZero", whole(indexed + "\x80"), "goaway=" COMPRESSION},
      {"IndexBeyondTheTable", whole(indexed + "\xbe"), "goaway=" COMPRESSION},
      {"NameIndexBeyondTheTable", whole(indexed + "\x7e\1x"), "goaway=" COMPRESSION},
      {"TableSizeLarger", whole("\x3f\xe2\x1f" + good), "goaway=" COMPRESSION},
      {"TableSizeSmaller", whole("\x20" + good), "1:200"},
      {"TableSizeBehindAField", whole(good + "\x20"), "goaway=" COMPRESSION},
      {"IntegerTooLong", whole("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "goaway=" COMPRESSION},
      {"BlockCutWithinAString", whole(good + std::string("\0\5ab", 4)), "goaway=" COMPRESSION},
      {"BlockCutWithinAnInteger", whole(good + "\x7f"), "goaway=" COMPRESSION},
      {"EmptyBlock", whole(""), "1:rst=" PROTOCOL},
      {"RefusedBlockKeepsTheTables",
       frame(kHeaders, kEnd | kEndHead, 1, indexed + "\x40\1a\1b" + literal("connection", "close")) +
           frame(kHeaders, kEnd | kEndHead, 3, indexed + "\xbe"),
       "1:rst=" PROTOCOL " 3:200"},
  };
}

std::vector<Case> fields() {
  auto with = [](const Fields& more) { return head(1, request("/head", "GET", more)); };
  auto pseudo = [](const Fields& all) { return head(1, all); };
  const char* malformed = "1:rst=" PROTOCOL;
  return {
      {"UpperCaseName", with({{"X-Test", "1"}}), malformed},
      {"EmptyName", with({{"", "1"}}), malformed},
      {"SpaceInAName", with({{"x test", "1"}}), malformed},
      {"ColonInAName", with({{"x:test", "1"}}), malformed},
      {"ControlInAName", with({{"x\x01", "1"}}), malformed},
      {"LineEndInAValue", with({{"x-test", "a\r\nb: c"}}), malformed},
      {"LineFeedInAValue", with({{"x-test", "a\nb"}}), malformed},
      {"ZeroInAValue", with({{"x-test", std::string("a\0b", 3)}}), malformed},
      {"DeleteInAValue", with({{"x-test", "a\x7f"}}), malformed},
      {"BlankBeforeAValue", with({{"x-test", " a"}}), malformed},
      {"BlankBehindAValue", with({{"x-test", "a "}}), malformed},
      {"TabInAValue", with({{"x-test", "a\tb"}}), "1:200"},
      {"HighBytesInAValue", with({{"x-test", "\xc3\xa4"}}), "1:200"},
      {"EmptyValue", with({{"x-test", ""}}), "1:200"},
      {"Connection", with({{"connection", "close"}}), malformed},
      {"KeepAlive", with({{"keep-alive", "5"}}), malformed},
      {"ProxyConnection", with({{"proxy-connection", "close"}}), malformed},
      {"TransferEncoding", with({{"transfer-encoding", "chunked"}}), malformed},
      {"Upgrade", with({{"upgrade", "websocket"}}), malformed},
      {"TeTrailers", with({{"te", "trailers"}}), "1:200"},
      {"TeOther", with({{"te", "gzip"}}), malformed},
      {"UnknownPseudoField", pseudo(request("/head", "GET", {{":test", "1"}})), malformed},
      {"StatusInARequest", pseudo(request("/head", "GET", {{":status", "200"}})), malformed},
      {"PseudoBehindAField",
       pseudo({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"x", "1"}, {":authority", "a"}}), malformed},
      {"TwoMethods", pseudo(request("/head", "GET", {{":method", "GET"}})), malformed},
      {"TwoPaths", pseudo(request("/head", "GET", {{":path", "/"}})), malformed},
      {"TwoSchemes", pseudo(request("/head", "GET", {{":scheme", "http"}})), malformed},
      {"TwoAuthorities", pseudo(request("/head", "GET", {{":authority", "a"}})), malformed},
      {"NoMethod", pseudo({{":scheme", "http"}, {":path", "/"}, {":authority", "a"}}), malformed},
      {"NoPath", pseudo({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}}), malformed},
      {"NoScheme", pseudo({{":method", "GET"}, {":path", "/"}, {":authority", "a"}}), malformed},
      {"NoAuthority", pseudo({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}), malformed},
      {"HostInsteadOfAuthority", pseudo({{":method", "GET"}, {":scheme", "http"}, {":path", "/head"}, {"host", "a"}}),
       "1:200"},
      {"EmptyPath", pseudo(request("")), malformed},
      {"RelativePath", pseudo(request("now")), "1:rst=" PROTOCOL},
      {"AbsolutePath", pseudo(request("http://b/now")), "1:rst=" PROTOCOL},
      {"SpaceInAPath", pseudo(request("/a b")), "1:rst=" PROTOCOL},
      {"FragmentInAPath", pseudo(request("/a#b")), "1:400"},
      {"HighByteInAPath", pseudo(request("/\xc3\xa4")), "1:400"},
      {"StarForOptions", pseudo(request("*", "OPTIONS")), "!1:rst=" PROTOCOL " !1:400"},
      {"StarForGet", pseudo(request("*")), "1:rst=" PROTOCOL},
      {"MethodWithASpace", pseudo(request("/head", "GE T")), "1:rst=" PROTOCOL},
      {"MethodEmpty", pseudo(request("/head", "")), "1:rst=" PROTOCOL},
      {"MethodOfOnesOwn", pseudo(request("/head", "BREW")), "1:200"},
      {"OtherScheme", pseudo({{":method", "GET"}, {":scheme", "ftp"}, {":path", "/head"}, {":authority", "a"}}),
       "1:400"},
      {"AuthorityWithAUser",
       pseudo({{":method", "GET"}, {":scheme", "http"}, {":path", "/head"}, {":authority", "u@a"}}), "1:400"},
      {"AuthorityWithAPath",
       pseudo({{":method", "GET"}, {":scheme", "http"}, {":path", "/head"}, {":authority", "a/b"}}), "1:rst=" PROTOCOL},
      {"AuthorityEmpty", pseudo({{":method", "GET"}, {":scheme", "http"}, {":path", "/head"}, {":authority", ""}}),
       "!1:200"},
      {"HostThatAgrees", with({{"host", "a"}}), "1:200"},
      {"HostThatDiffers", with({{"host", "b"}}), "1:400"},
      {"SeveralHosts", with({{"host", "a"}, {"host", "a"}}), malformed},
      {"SeveralLengths", with({{"content-length", "0"}, {"content-length", "0"}}), "1:rst=" PROTOCOL},
      {"LengthOfLetters", with({{"content-length", "x"}}), "1:rst=" PROTOCOL},
      {"LengthWithASign", with({{"content-length", "+0"}}), "1:rst=" PROTOCOL},
      {"LengthTooLarge", with({{"content-length", "99999999999999999999"}}), "1:rst=" PROTOCOL},
      {"LengthZeroWithoutABody", with({{"content-length", "0"}}), "1:200"},
      {"ExpectOther", with({{"expect", "202"}}), "1:417"},
      {"Expect100", post(1, "/echo", {{"expect", "100-continue"}}), "1:100 !1:200"},
      {"HeadOfTheWholeLimit", with({{"x", std::string(60000, 'x')}}).size() > 0 ? get(1) : "", "1:200"},
      {"ConnectWithoutAProtocol", pseudo({{":method", "CONNECT"}, {":authority", "a:80"}}), "1:400"},
      {"ConnectWithAPath", pseudo({{":method", "CONNECT"}, {":authority", "a"}, {":path", "/"}, {":scheme", "http"}}),
       malformed},
      {"WebSocket", head(1, websocket(), kEndHead), "1:200 !1:end"},
      {"WebSocketEnded", head(1, websocket()), "1:400"},
      {"WebSocketWithALength",
       [] {
         Fields all = websocket();
         all.push_back({"content-length", "3"});
         return head(1, all, kEndHead);
       }(),
       "!1:200"},
      {"ProtocolOnAGet", head(1, request("/now", "GET", {}), kEndHead | kEnd), "1:200"},
      {"ProtocolForAnotherMethod",
       pseudo(
           {{":method", "GET"}, {":protocol", "websocket"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}}),
       malformed},
      {"ProtocolUnknown",
       head(
           1, {{":method", "CONNECT"}, {":protocol", "echo"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}},
           kEndHead),
       "1:501"},
      {"ProtocolWithoutAPath",
       head(
           1, {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"}, {":authority", "a"}}, kEndHead),
       malformed},
      {"ProtocolWithoutAnAuthority",
       head(1, {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"}, {":path", "/"}}, kEndHead),
       malformed},
  };
}

class Http2Cases : public testing::TestWithParam<Case> {};

std::string bytes_of(const Case& each) {
  return each.bytes.starts_with("PRI") ? each.bytes : kHello + each.bytes;
}

void expect_told(const Case& each, const Peer2& peer) {
  std::string_view expected = each.expected;
  while (!expected.empty()) {
    std::string_view word = expected.substr(0, expected.find(' '));
    expected.remove_prefix(std::min(expected.size(), word.size() + 1));
    const bool unwanted = word.starts_with('!');
    if (unwanted) word.remove_prefix(1);
    EXPECT_NE(peer.tells(word), unwanted) << "expected: " << each.expected << "\ntold: " << peer.told();
  }
}

TEST_P(Http2Cases, AreAnsweredAsTheRulesSay) {
  Peer2 peer;
  peer.send(bytes_of(GetParam()));
  expect_told(GetParam(), peer);
}

// Byte by byte; the longest in pieces of a few.
TEST_P(Http2Cases, AreAnsweredAsTheRulesSayInPieces) {
  const std::string bytes = bytes_of(GetParam());
  const std::size_t piece = 1 + bytes.size() / 4096;
  Peer2 peer;
  for (std::size_t at = 0; at < bytes.size(); at += piece) peer.send(std::string_view(bytes).substr(at, piece));
  expect_told(GetParam(), peer);
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(PrefaceAndFrames, Http2Cases, testing::ValuesIn(preface_and_frames()), name_of);
INSTANTIATE_TEST_SUITE_P(ControlFrames, Http2Cases, testing::ValuesIn(control_frames()), name_of);
INSTANTIATE_TEST_SUITE_P(States, Http2Cases, testing::ValuesIn(states()), name_of);
INSTANTIATE_TEST_SUITE_P(Blocks, Http2Cases, testing::ValuesIn(blocks()), name_of);
INSTANTIATE_TEST_SUITE_P(Fields, Http2Cases, testing::ValuesIn(fields()), name_of);

}  // namespace
}  // namespace bimodal::http::h2

// Request heads that are malformed, oversized or not for us: refused with their status, and nothing behind them is
// read.
#include "gateway/abuse_support.h"

namespace bimodal::gateway {
namespace {

std::string line(const std::string& request_line) {
  return request_line + "\r\nHost: app.localhost\r\n\r\n";
}

std::string with(const std::string& lines) {
  return "GET /hello HTTP/1.1\r\nHost: app.localhost\r\n" + lines + "\r\n\r\n";
}

std::string host(const std::string& value) {
  return "GET /hello HTTP/1.1\r\nHost: " + value + "\r\n\r\n";
}

// `count` headers with names of their own, each of about `size` bytes.
std::string headers(int count, std::size_t size) {
  std::string all;
  for (int i = 0; i < count; ++i) all += "X-" + std::to_string(i) + ": " + std::string(size, 'v') + "\r\n";
  all.resize(all.size() - 2);
  return all;
}

const AbuseCase kRequestLines[] = {
    {"MethodEmpty", line(" / HTTP/1.1"), {400}},
    {"MethodSeparator", line("G{T /hello HTTP/1.1"), {400}},
    {"MethodNul", bytes("G\0T /hello HTTP/1.1\r\nHost: app.localhost\r\n\r\n"), {400}},
    {"MethodBeyondAscii", line("G\xc3\xa4T /hello HTTP/1.1"), {400}},
    {"MethodLong", line(std::string(70'000, 'M') + " /hello HTTP/1.1"), {431}},
    {"TargetMissing", line("GET HTTP/1.1"), {400}},
    {"TargetTwice", line("GET /hello /other HTTP/1.1"), {400}},
    {"TargetRelative", line("GET hello HTTP/1.1"), {400}},
    {"TargetFragment", line("GET /hello#x HTTP/1.1"), {400}},
    {"TargetBeyondAscii", line("GET /h\xc3\xa4llo HTTP/1.1"), {400}},
    {"TargetControl", line("GET /he\x01llo HTTP/1.1"), {400}},
    {"TargetDelete", line("GET /he\x7fllo HTTP/1.1"), {400}},
    {"TargetNul", bytes("GET /he\0llo HTTP/1.1\r\nHost: app.localhost\r\n\r\n"), {400}},
    {"TargetTab", line("GET /he\tllo HTTP/1.1"), {400}},
    {"TargetAsterisk", line("GET * HTTP/1.1"), {400}},
    {"TargetAuthority", line("GET app.localhost:80 HTTP/1.1"), {400}},
    {"TargetOtherScheme", line("GET ftp://app.localhost/hello HTTP/1.1"), {400}},
    {"TargetFileScheme", line("GET file:///etc/passwd HTTP/1.1"), {400}},
    {"TargetUser", line("GET http://user@app.localhost/hello HTTP/1.1"), {400}},
    {"TargetWithoutHost", line("GET http:///hello HTTP/1.1"), {400}},
    {"TargetBackslashHost", line("GET http://app.localhost\\@x/hello HTTP/1.1"), {400}},
    {"TargetTooLong", line("GET /" + std::string(70'000, 'x') + " HTTP/1.1"), {431}},
    {"Connect", "CONNECT app.localhost:443 HTTP/1.1\r\nHost: app.localhost:443\r\n\r\n", {400}},
    {"ConnectWithPath", line("CONNECT /hello HTTP/1.1"), {400}},
    {"BlanksDoubled", line("GET  /hello HTTP/1.1"), {400}},
    {"BlankAtEnd", line("GET /hello HTTP/1.1 "), {400}},
    {"BlankAtBegin", line(" GET /hello HTTP/1.1"), {400}},
    {"TabsForBlanks", line("GET\t/hello\tHTTP/1.1"), {400}},
    {"VersionMissing", line("GET /hello"), {400}},
    {"Version09", line("GET /hello HTTP/0.9"), {505}},
    {"Version12", line("GET /hello HTTP/1.2"), {505}},
    {"Version20", line("GET /hello HTTP/2.0"), {505}},
    {"VersionOverflow", line("GET /hello HTTP/1.256"), {400}},
    {"VersionLowerCase", line("GET /hello http/1.1"), {400}},
    {"VersionShort", line("GET /hello HTTP/1"), {400}},
    {"VersionComma", line("GET /hello HTTP/1,1"), {400}},
    {"VersionZeros", line("GET /hello HTTP/01.1"), {400}},
    {"OtherProtocol", line("GET /hello RTSP/1.0"), {400}},
    {"AlmostTheHttp2Preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", {505}},
    {"TlsHello", bytes("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), {400}},
    {"SshBanner", "SSH-2.0-OpenSSH_9.2\r\n\r\n", {400}},
    {"LineEndsInLf", "GET /hello HTTP/1.1\nHost: app.localhost\r\n\r\n", {400}},
    {"LineEndsInCr", "GET /hello HTTP/1.1\rHost: app.localhost\r\n\r\n", {400}},
    {"EmptyLines", "\r\n\r\n\r\n", {400}},
    {"LfFirst", "\n" + with("X: y"), {400}},
    {"CrFirst", "\r" + with("X: y"), {400}},
    // Right, though unusual.
    {"EmptyLineFirst", "\r\n" + with("X: y"), {200}, After::GoesOn, 1},
    {"MethodOfOwn", line("BREW /hello HTTP/1.1"), {200}, After::GoesOn, 1},
    {"MethodLowerCase", line("get /hello HTTP/1.1"), {200}, After::GoesOn, 1},
    {"TargetAbsolute", "GET http://app.localhost/hello HTTP/1.1\r\nHost: other\r\n\r\n", {200}, After::GoesOn, 1},
    {"TargetAbsoluteUnknown", line("GET http://unknown.localhost/hello HTTP/1.1"), {404}, After::GoesOn, 0},
    {"TargetDots", line("GET /a/../hello HTTP/1.1"), {404}, After::GoesOn, 1},
    {"TargetPercentNul", line("GET /%00hello HTTP/1.1"), {404}, After::GoesOn, 1},
    {"TargetBadPercent", line("GET /%zz HTTP/1.1"), {404}, After::GoesOn, 1},
    {"TargetTwoSlashes", line("GET //hello HTTP/1.1"), {404}, After::GoesOn, 1},
    {"OptionsAsterisk", line("OPTIONS * HTTP/1.1"), {404}, After::GoesOn, 1},
    {"Http10", line("GET /hello HTTP/1.0"), {200}, After::Closed, 1},
};

const AbuseCase kHeaders[] = {
    {"HostMissing", "GET /hello HTTP/1.1\r\n\r\n", {400}},
    {"HostTwice", with("Host: other"), {400}},
    {"HostTwiceEqual", with("Host: app.localhost"), {400}},
    {"HostBlank", host("app .localhost"), {400}},
    {"HostComma", host("app.localhost,other"), {400}},
    {"HostUser", host("user@app.localhost"), {400}},
    {"HostPath", host("app.localhost/x"), {400}},
    {"HostPortLetters", host("app.localhost:8o80"), {400}},
    {"HostPortLong", host("app.localhost:123456"), {400}},
    {"HostPorts", host("app.localhost:1:2"), {400}},
    {"HostBracket", host("[::1"), {400}},
    {"HostNul", bytes("GET /hello HTTP/1.1\r\nHost: app\0.localhost\r\n\r\n"), {400}},
    {"HostBeyondAscii", host("\xc3\xa4pp.localhost"), {400}},
    {"HostBlankBeforeColon", "GET /hello HTTP/1.1\r\nHost : app.localhost\r\n\r\n", {400}},
    {"HostFolded", "GET /hello HTTP/1.1\r\nHost:\r\n app.localhost\r\n\r\n", {400}},
    {"HostUnknown", host("unknown.localhost"), {404}, After::GoesOn, 0},
    {"HostLong", host(std::string(5000, 'a')), {404}, After::GoesOn, 0},
    {"HostEmpty", host(""), {404}, After::GoesOn, 0},
    {"HostOtherCase", host("APP.LocalHost:80"), {200}, After::GoesOn, 1},
    {"NameEmpty", with(": x"), {400}},
    {"NameBlank", with("X Y: z"), {400}},
    {"NameSeparator", with("X[Y]: z"), {400}},
    {"NameBeyondAscii", with("X-\xc3\xa4: z"), {400}},
    {"NameNul", bytes("GET /hello HTTP/1.1\r\nHost: app.localhost\r\nX\0: y\r\n\r\n"), {400}},
    {"NameWithoutColon", with("X"), {400}},
    {"ValueNul", bytes("GET /hello HTTP/1.1\r\nHost: app.localhost\r\nX: a\0b\r\n\r\n"), {400}},
    {"ValueControl", with("X: a\x08"), {400}},
    {"ValueEscape", with("X: a\x1b[31m"), {400}},
    {"ValueDelete", with("X: a\x7f"), {400}},
    {"ValueBareCr", with("X: a\rb"), {400}},
    {"ValueBareLf", with("X: a\nb: c"), {400}},
    {"ValueFolded", with("X: a\r\n b"), {400}},
    {"HeadEndsInLf", "GET /hello HTTP/1.1\r\nHost: app.localhost\r\n\n", {400}},
    {"ExpectUnknown", with("Expect: 200-ok\r\nContent-Length: 3") + "abc", {417}},
    {"ExpectTwoWords", with("Expect: 100-continue, x\r\nContent-Length: 3") + "abc", {417}},
    {"OneHeaderTooLarge", with(headers(1, 66'000)), {431}},
    {"HeadersTooLarge", with(headers(70, 1000)), {431}},
    {"HeadersTooMany", with(headers(20'000, 1)), {431}},
    {"HeadWithoutEnd", "GET /hello HTTP/1.1\r\nHost: app.localhost\r\nX: " + std::string(66'000, 'v'), {431}},
    // Right, though unusual.
    {"ManyHeaders", with(headers(3000, 1)), {200}, After::GoesOn, 1},
    {"LargeHeader", with(headers(1, 60'000)), {200}, After::GoesOn, 1},
    {"ValueBeyondAscii", with("X: \xc3\xa4\xff"), {200}, After::GoesOn, 1},
    {"ValueEmpty", with("X:"), {200}, After::GoesOn, 1},
    {"ValueTab", with("X: a\tb"), {200}, After::GoesOn, 1},
    {"ExpectWithoutBody", with("Expect: 100-continue"), {200}, After::GoesOn, 1},
    {"ConnectionClose", with("Connection: close"), {200}, After::Closed, 1},
    {"ConnectionManyOptions", with("Connection: " + repeat("x,", 5000) + "close"), {200}, After::Closed, 1},
    {"UpgradeToHttp2",
     with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"),
     {200},
     After::GoesOn,
     1},
    {"UpgradeUnknown", with("Connection: Upgrade\r\nUpgrade: tls/1.3"), {200}, After::GoesOn, 1},
    {"BodyTooLarge", with("Content-Length: 4294967297"), {413}},
    {"BodyMuchTooLarge", with("Content-Length: 18446744073709551615"), {413}},
};

class Malformed : public AbuseTest {};

TEST_P(Malformed, IsAnsweredAsItShould) {
  run(GetParam(), GetParam().bytes.size() + kProbe.size());
}

TEST_P(Malformed, IsAnsweredAsItShouldInSmallPieces) {
  run(GetParam(), GetParam().bytes.size() > 2000 ? 999 : 1);
}

auto name_of = [](const testing::TestParamInfo<AbuseCase>& info) { return std::string(info.param.name); };

INSTANTIATE_TEST_SUITE_P(RequestLine, Malformed, testing::ValuesIn(kRequestLines), name_of);
INSTANTIATE_TEST_SUITE_P(Header, Malformed, testing::ValuesIn(kHeaders), name_of);

}  // namespace
}  // namespace bimodal::gateway

// Whose address a request is taken to come from, what is bounded by it, and what the access log says.
#include <gtest/gtest.h>

#include <fstream>

#include "gateway/test_support.h"

namespace bimodal::gateway {
namespace {

const std::string kProxied("\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\x7f\x00\x00\x01\x12\x34\x01\xbb", 28);

GatewayLimits trusting(const char* networks, bool proxy_protocol = false) {
  GatewayLimits limits;
  limits.edge.trusted_proxies = http::Networks::parse(networks).value();
  limits.edge.proxy_protocol = proxy_protocol;
  limits.head_timeout = 500ms;
  return limits;
}

std::string request(const std::string& fields = "") {
  return "GET /head HTTP/1.1\r\nHost: app.localhost\r\n" + fields + "\r\n";
}

// The value of a line that FakeRunner answers.
std::string told(const Caller::Response& response, const std::string& name) {
  const std::size_t at = response.body.find(name + "=");
  if (at == std::string::npos) return "(none)";
  const std::size_t start = at + name.size() + 1;
  return response.body.substr(start, response.body.find('\n', start) - start);
}

const std::string kForged =
    "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=192.0.2.7\r\n";

TEST(ClientAddress, IsThePeersWhateverAStrangerSays) {
  Rig rig;
  rig.publish();
  const auto seen = rig.call(request(kForged)).read_response();
  EXPECT_EQ(told(seen, "client_host"), "127.0.0.1");
  EXPECT_EQ(seen.body.find("orwarded"), std::string::npos) << seen.body;
  EXPECT_EQ(seen.body.find("192.0.2.7"), std::string::npos) << seen.body;
}

TEST(ClientAddress, IsWhatATrustedProxySays) {
  Rig rig(trusting("127.0.0.0/8"));
  rig.publish();
  EXPECT_EQ(
      told(rig.call(request("X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n")).read_response(), "client_host"), "192.0.2.7");
  EXPECT_EQ(told(rig.call(request()).read_response(), "client_host"), "127.0.0.1");
  Caller one(rig.gateway->port());
  one.send(request("X-Forwarded-For: 192.0.2.7\r\n"));
  EXPECT_EQ(told(one.read_response(), "client_host"), "192.0.2.7");
  one.send(request());
  EXPECT_EQ(told(one.read_response(), "client_host"), "127.0.0.1") << "the next request on the connection";
}

TEST(ClientAddress, BoundsTheRateOfWhomAProxySaysAndOfNoOther) {
  GatewayLimits limits = trusting("127.0.0.0/8");
  limits.client_requests_per_second = 1;
  limits.requests_burst = 1s;
  Rig rig(limits);
  rig.publish();
  EXPECT_EQ(rig.call(request("X-Forwarded-For: 192.0.2.7\r\n")).read_response().status, 200);
  EXPECT_EQ(rig.call(request("X-Forwarded-For: 192.0.2.7\r\n")).read_response().status, 429);
  EXPECT_EQ(rig.call(request("X-Forwarded-For: 192.0.2.7, 192.0.2.8\r\n")).read_response().status, 200);
}

TEST(ProxyProtocol, TellsWhoseConnectionItIs) {
  Rig rig(trusting("127.0.0.0/8", true));
  rig.publish();
  const auto seen = rig.call(kProxied + request(kForged)).read_response();
  EXPECT_EQ(told(seen, "client_host"), "192.0.2.7");
  EXPECT_EQ(seen.body.find("evil"), std::string::npos) << "the caller itself isn't trusted: " << seen.body;
  Caller slow(rig.gateway->port());
  const std::string bytes = kProxied + request();
  for (const char c : bytes) ASSERT_TRUE(slow.send(std::string(1, c)));
  EXPECT_EQ(told(slow.read_response(), "client_host"), "192.0.2.7") << "byte by byte";
}

TEST(ProxyProtocol, IsDemandedOfTrustedProxies) {
  Rig rig(trusting("127.0.0.0/8", true));
  rig.publish();
  for (const std::string& bytes :
       {request(), std::string("PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n") + request(), kProxied.substr(0, 20),
        std::string(), kProxied.substr(0, 14) + "\xff\xff" + kProxied.substr(16)}) {
    Caller caller = rig.call(bytes);
    EXPECT_EQ(caller.read_all(), "") << bytes;  // closed, at the latest when its time is up
  }
  EXPECT_EQ(rig.call(kProxied + request()).read_response().status, 200);
}

TEST(ProxyProtocol, IsTakenFromNobodyElse) {
  Rig rig(trusting("192.0.2.0/24", true));
  rig.publish();
  EXPECT_EQ(rig.call(kProxied + request()).read_response().status, 400);
  EXPECT_EQ(told(rig.call(request()).read_response(), "client_host"), "127.0.0.1");
}

TEST(ClientConnections, AreBoundedForEachAddress) {
  GatewayLimits limits;
  limits.edge.max_client_connections = 3;
  Rig rig(limits);
  rig.publish();
  std::vector<Caller> open;
  for (int i = 0; i < 3; ++i) {
    open.emplace_back(rig.gateway->port());
    open.back().send(request());
    EXPECT_EQ(open.back().read_response().status, 200);
  }
  EXPECT_EQ(rig.call(request()).read_all(), "") << "closed without a word";
  open.pop_back();
  int status = 0;
  for (int i = 0; i < 200 && status != 200; ++i) status = rig.call(request()).read_response().status;
  EXPECT_EQ(status, 200) << "once one has gone";
}

TEST(SlowCallers, AreCutOffWithTheirHeadUnfinished) {
  GatewayLimits limits;
  limits.head_timeout = 300ms;
  Rig rig(limits);
  rig.publish();
  std::vector<Caller> slow;
  for (int i = 0; i < 50; ++i) {
    slow.emplace_back(rig.gateway->port());
    slow.back().send("GET /hello HTTP/1.1\r\nHost: app.localhost\r\nX-A: ");
  }
  EXPECT_EQ(rig.get("/hello").status, 200) << "others are served meanwhile";
  for (Caller& caller : slow) {
    const auto refused = caller.read_response();
    EXPECT_EQ(refused.status, 408);
    EXPECT_EQ(caller.read_all(), "");
  }
}

TEST(AccessLog, HasALineForEachRequestAndNoSecrets) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / ("access-" + std::to_string(::getpid()));
  GatewayLimits limits = trusting("127.0.0.0/8");
  limits.edge.access_log = file;
  {
    Rig rig(limits);
    rig.version.tag = "web";
    rig.version.app_name = "shop";
    rig.version.environment = "main";
    rig.publish({{.host = "private.localhost", .function_id = "fu-1", .requires_proxy_auth = true}});
    rig.call(
           "GET /head?token=hidden HTTP/1.1\r\nHost: app.localhost\r\nX-Forwarded-For: 192.0.2.7\r\n"
           "Authorization: Bearer hidden\r\nCookie: hidden\r\n\r\n")
        .read_response();
    rig.call("POST /echo HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 5\r\n\r\nhello").read_response();
    rig.call("GET / HTTP/1.1\r\nHost: private.localhost\r\nModal-Key: wk-hidden\r\nModal-Secret: ws-hidden\r\n\r\n")
        .read_response();
    rig.call("GET / HTTP/1.1\r\nHost: nobody.localhost\r\n\r\n").read_response();
    rig.call("no request\r\n\r\n").read_response();
  }
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::filesystem::remove(file);
  ASSERT_EQ(lines.size(), 5u);
  auto has = [&](std::size_t at, const char* part) { EXPECT_NE(lines[at].find(part), std::string::npos) << lines[at]; };
  has(0,
      R"("client":"192.0.2.7","method":"GET","host":"app.localhost","path":"/head","protocol":"HTTP/1.1","status":200)");
  has(0, R"("environment":"main","app":"shop","function":"web")");
  has(1, R"("received":5,)");
  has(2, R"("status":401,)");
  has(2, R"("error":"invalid-credentials")");
  has(3, R"("error":"unknown-host")");
  has(4, R"("status":400,)");
  for (const std::string& line : lines) EXPECT_EQ(line.find("hidden"), std::string::npos) << line;
}

}  // namespace
}  // namespace bimodal::gateway

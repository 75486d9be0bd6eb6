// Who passes where a proxy token is required, and who doesn't.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>

#include "base/ids.h"
#include "gateway/proxy_tokens.h"
#include "gateway/test_support.h"

namespace bimodal::gateway {
namespace {

const std::string kId = "wk-0123456789abcdefghijkl";
const std::string kSecret = "ws-0123456789abcdefghijklmnopqrstuvwxyz0123456";
const std::string kRefused = "modal-http: invalid credentials for proxy authorization";
const std::string kMissing = "modal-http: missing credentials for proxy authorization";

class ProxyAuthorization : public testing::Test {
 protected:
  ProxyAuthorization() {
    rig_.publish(
        {{.host = "private.localhost",
          .function_id = "fu-1",
          .environment_id = "en-main",
          .requires_proxy_auth = true}});
    allow(false, {});
  }

  void allow(bool scoped, std::vector<std::string> environments) {
    rig_.gateway->publish_tokens({{kId, sha256_hex(kSecret), scoped, std::move(environments)}});
  }

  Caller::Response get(const std::string& fields, const std::string& path = "/hello") {
    return rig_.call("GET " + path + " HTTP/1.1\r\nHost: private.localhost\r\n" + fields + "\r\n").read_response();
  }

  const std::string pair_ = "Modal-Key: " + kId + "\r\nModal-Secret: " + kSecret + "\r\n";
  const std::string bearer_ = "Authorization: Bearer " + kId + "." + kSecret + "\r\n";
  Rig rig_;
};

TEST_F(ProxyAuthorization, LetsBothFormsPass) {
  EXPECT_EQ(get(pair_).body, "hello");
  EXPECT_EQ(get(bearer_).body, "hello");
  EXPECT_EQ(get("modal-secret:\t" + kSecret + " \r\nMODAL-KEY:" + kId + "\r\n").body, "hello");
  EXPECT_EQ(get("AUTHORIZATION: bEARER   " + kId + "." + kSecret + "\t\r\n").body, "hello");
  EXPECT_EQ(get(pair_ + "Authorization: Bearer eyJ.of.mine\r\n").body, "hello") << "the application's own";
}

TEST_F(ProxyAuthorization, KeepsTheCredentialsFromTheApplication) {
  for (const std::string& fields :
       std::vector<std::string>{pair_, bearer_, pair_ + "Authorization: Basic bWluZQ==\r\n"}) {
    const std::string seen = get(fields, "/head").body;
    EXPECT_NE(seen.find("host=private.localhost"), std::string::npos) << seen;
    EXPECT_EQ(seen.find("wk-"), std::string::npos) << seen;
    EXPECT_EQ(seen.find("ws-"), std::string::npos) << seen;
  }
}

TEST_F(ProxyAuthorization, CallsNothingAtAllMissing) {
  for (const std::string& fields : std::vector<std::string>{
           "", "Modal-Key: " + kId + "\r\n", "Modal-Secret: " + kSecret + "\r\n", "Authorization: Bearer eyJ\r\n",
           "Authorization: Basic " + kId + "." + kSecret + "\r\n", "Authorization: " + kId + "." + kSecret + "\r\n",
           "Authorization: Bearer" + kId + "." + kSecret + "\r\n",
           "Cookie: Modal-Key=" + kId + "; Modal-Secret=" + kSecret + "\r\n", "Authorization: Bearer ak-1.as-1\r\n",
           "Proxy-Authorization: Bearer " + kId + "." + kSecret + "\r\n",
           "Modal_Key: " + kId + "\r\n" + "Modal-Secret: x\r\n",
           "X-Modal-Key: " + kId + "\r\nX-Modal-Secret: " + kSecret + "\r\n"}) {
    const auto response = get(fields);
    EXPECT_EQ(response.status, 401) << fields;
    EXPECT_EQ(response.body, kMissing) << fields;
  }
  EXPECT_EQ(get("", "/hello?Modal-Key=" + kId + "&Modal-Secret=" + kSecret).status, 401);
}

std::vector<std::string> wrong_pairs() {
  auto pair = [](const std::string& key, const std::string& secret) {
    return "Modal-Key: " + key + "\r\nModal-Secret: " + secret + "\r\n";
  };
  std::string upper = kSecret;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return {
      pair(kId, ""),
      pair("", kSecret),
      pair("", ""),
      pair(kSecret, kId),
      pair(kId, kId),
      pair(kSecret, kSecret),
      pair(kId, kSecret.substr(0, kSecret.size() - 1)),
      pair(kId, kSecret + "x"),
      pair(kId, upper),
      pair(kId, "WS" + kSecret.substr(2)),
      pair("WK" + kId.substr(2), kSecret),
      pair(kId + "x", kSecret),
      pair(kId.substr(0, 10), kSecret),
      pair("wk-", "ws-"),
      pair(kId, "ws-"),
      pair("wk-", kSecret),
      pair("\"" + kId + "\"", "\"" + kSecret + "\""),
      pair("<" + kId + ">", kSecret),
      pair(kId + ",", kSecret),
      pair(kId + ", " + kId, kSecret),
      pair(kId, kSecret + ", " + kSecret),
      pair(kId + ";", kSecret + ";"),
      pair("wk-*", "ws-*"),
      pair("wk-%", "ws-%"),
      pair("wk-' OR '1'='1", "ws-' OR '1'='1"),
      pair("*", "*"),
      pair("null", "null"),
      pair("ak-1", "as-1"),
      pair("ak-" + kId.substr(3), "as-" + kSecret.substr(3)),
      pair(kId, "as-" + kSecret.substr(3)),
      pair("ak-" + kId.substr(3), kSecret),
      pair(kId, sha256_hex(kSecret)),
      pair(kId, "ws-" + sha256_hex(kSecret)),
      pair(kId, "ws-" + std::string(5000, 'a')),
      pair("wk-" + std::string(5000, 'a'), kSecret),
      pair(kId, kSecret.substr(0, 20) + " " + kSecret.substr(20)),
      pair(kId, "\xef\xbb\xbf" + kSecret),
      pair(kId, kSecret + "\xc2\xa0"),
      pair("wk-\xd0\xb0", kSecret),
      pair(kId, "%77s-" + kSecret.substr(3)),
      pair(kId + "." + kSecret, kId + "." + kSecret),
      pair("Bearer " + kId, kSecret)};
}

std::vector<std::string> wrong_bearers() {
  const std::string token = kId + "." + kSecret;
  auto bearer = [](const std::string& value) { return "Authorization: Bearer " + value + "\r\n"; };
  return {
      bearer(kId),
      bearer(kId + "."),
      bearer(kId + ":" + kSecret),
      bearer(kId + " " + kSecret),
      bearer(token + "."),
      bearer(token + "." + kSecret),
      bearer(kId + ".." + kSecret),
      bearer(token + ", " + token),
      bearer(token + "x"),
      bearer(token.substr(0, token.size() - 1)),
      bearer("wk-1.ws-1"),
      bearer("wk-.ws-"),
      bearer(kId + ".as-1"),
      bearer(kId + "." + sha256_hex(kSecret)),
      bearer(token + ";"),
      bearer("wk-" + std::string(8000, 'a') + "." + kSecret)};
}

TEST_F(ProxyAuthorization, RefusesWhatIsNearlyRight) {
  int cases = 0;
  for (const auto& list : {wrong_pairs(), wrong_bearers()}) {
    for (const std::string& fields : list) {
      const auto response = get(fields);
      EXPECT_EQ(response.status, 401) << fields;
      EXPECT_EQ(response.body, kRefused) << fields;
      ++cases;
    }
  }
  EXPECT_GE(cases, 58);
  EXPECT_EQ(get(pair_).status, 200);
}

TEST_F(ProxyAuthorization, RefusesEveryDoubleMeaning) {
  const std::string key = "Modal-Key: " + kId + "\r\n", secret = "Modal-Secret: " + kSecret + "\r\n";
  for (const std::string& fields : std::vector<std::string>{
           key + pair_, secret + pair_, pair_ + pair_, "Modal-Key: wk-other\r\n" + pair_,
           pair_ + "modal-key: wk-other\r\n", pair_ + bearer_, bearer_ + pair_, bearer_ + key, bearer_ + secret,
           bearer_ + bearer_, bearer_ + "Authorization: Basic bWluZQ==\r\n", "Authorization: Bearer eyJ\r\n" + bearer_,
           pair_ + "Authorization: Bearer wk-other.ws-other\r\n"}) {
    const auto response = get(fields);
    EXPECT_EQ(response.status, 401) << fields;
    EXPECT_EQ(response.body, kRefused) << fields;
  }
}

TEST_F(ProxyAuthorization, RefusesMalformedFieldsAsAnyOther) {
  for (const std::string& fields : std::vector<std::string>{
           "Modal-Key : " + kId + "\r\nModal-Secret: " + kSecret + "\r\n",
           "Modal-Key: " + kId + "\r\n continued\r\nModal-Secret: " + kSecret + "\r\n",
           "Modal-Key: " + kId + std::string("\0", 1) + "\r\nModal-Secret: " + kSecret + "\r\n"}) {
    EXPECT_EQ(get(fields).status, 400) << fields;
  }
}

TEST_F(ProxyAuthorization, HoldsATokenToItsEnvironments) {
  allow(true, {"en-other"});
  const auto elsewhere = get(pair_);
  EXPECT_EQ(elsewhere.status, 403);
  EXPECT_EQ(elsewhere.body, "modal-http: token is not allowed in this environment");
  EXPECT_EQ(get("Modal-Key: " + kId + "\r\nModal-Secret: ws-wrong\r\n").status, 401) << "says nothing of the scope";
  allow(true, {});
  EXPECT_EQ(get(pair_).status, 403);
  allow(true, {"en-other", "en-main"});
  EXPECT_EQ(get(pair_).status, 200);
}

TEST_F(ProxyAuthorization, ForgetsATokenAtOnce) {
  Caller caller(rig_.gateway->port());
  const std::string request = "GET /hello HTTP/1.1\r\nHost: private.localhost\r\n" + pair_ + "\r\n";
  ASSERT_TRUE(caller.send(request));
  EXPECT_EQ(caller.read_response().status, 200);
  rig_.gateway->publish_tokens({});
  ASSERT_TRUE(caller.send(request));
  EXPECT_EQ(caller.read_response().status, 401) << "on the connection that it had passed on";
}

// Of secrets that begin as the right one does, the longest takes as long as the shortest. CPU time of this thread, each
// compared with the other's of the same moment, and of these the median: what else the machine does falls on both.
TEST(ProxyTokens, TakeAsLongForANearlyRightSecretAsForAnyOther) {
  const ProxyTokens tokens({{kId, sha256_hex(kSecret), false, {}}});
  const std::string far = "ws-" + std::string(kSecret.size() - 3, '-');
  const std::string near = kSecret.substr(0, kSecret.size() - 1) + "-";
  auto span = [&](std::string_view id, const std::string& secret) {
    timespec from{}, to{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(tokens.check(id, secret, "en-main"), ProxyTokens::Verdict::Wrong);
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    return static_cast<double>(to.tv_sec - from.tv_sec) * 1e9 + static_cast<double>(to.tv_nsec - from.tv_nsec);
  };
  auto median = [](std::vector<double> all) {
    std::nth_element(all.begin(), all.begin() + all.size() / 2, all.end());
    return all[all.size() / 2];
  };
  std::vector<double> with_near, with_nobody;
  for (int i = 0; i < 1000; ++i) {
    const double before = span(kId, far), of_near = span(kId, near);
    const double of_nobody = span("wk-nobody", near), after = span(kId, far);
    with_near.push_back(2 * of_near / (before + after));
    with_nobody.push_back(2 * of_nobody / (before + after));
  }
  EXPECT_NEAR(median(with_near), 1.0, 0.1);
  EXPECT_NEAR(median(with_nobody), 1.0, 0.25);  // another token's id is no secret
}

}  // namespace
}  // namespace bimodal::gateway

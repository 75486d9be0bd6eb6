#include "gateway/origin.h"

#include <gtest/gtest.h>

namespace bimodal::gateway {
namespace {

using Fields = std::vector<http::Field>;

std::string from(const char* peer, Fields fields, const char* trusted = "10.0.0.0/8, 2001:db8::/32") {
  http::RequestHead head;
  head.fields = std::move(fields);
  const auto networks = http::Networks::parse(trusted).value();
  const auto origin = forwarded_origin(head, http::parse_ip(peer).value(), networks);
  return origin ? origin->host : "the peer";
}

TEST(Origin, IsTheRightmostAddressThatIsNoTrustedProxy) {
  const std::pair<const char*, const char*> cases[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"6.6.6.6, 192.0.2.1", "192.0.2.1"},
      {"6.6.6.6, 192.0.2.1, 10.1.1.1", "192.0.2.1"},
      {"192.0.2.1,10.1.1.1,10.2.2.2", "192.0.2.1"},
      {"10.1.1.1, 10.2.2.2", "10.1.1.1"},
      {"192.0.2.1:4711", "192.0.2.1"},
      {"[2001:7f8::1]:4711", "2001:7f8::1"},
      {"2001:7f8::1", "2001:7f8::1"},
      {"2001:7f8::1, [2001:db8::5]", "2001:7f8::1"},
      {"unknown", "the peer"},
      {"6.6.6.6, unknown", "the peer"},
      {"6.6.6.6, unknown, 10.1.1.1", "10.1.1.1"},
      {"127.0.0.1.evil.com", "the peer"},
      {"[::1", "the peer"},
      {"", "the peer"},
      {",,,", "the peer"},
  };
  for (const auto& [forwarded, expected] : cases) {
    EXPECT_EQ(from("10.0.0.9", {{"x-forwarded-for", forwarded}}), expected) << forwarded;
  }
}

TEST(Origin, IsNeverWhatAStrangerSays) {
  EXPECT_EQ(from("192.0.2.9", {{"x-forwarded-for", "127.0.0.1"}}), "the peer");
  EXPECT_EQ(from("127.0.0.1", {{"x-forwarded-for", "10.0.0.1"}}), "the peer");
  EXPECT_EQ(from("10.0.0.9", {{"x-forwarded-for", "192.0.2.1"}}, ""), "the peer");
  EXPECT_EQ(from("10.0.0.9", {{"forwarded", "for=192.0.2.1"}, {"x-real-ip", "192.0.2.1"}}), "the peer");
}

TEST(Origin, ReadsSeveralFieldsAsOneList) {
  EXPECT_EQ(from("10.0.0.9", {{"x-forwarded-for", "6.6.6.6"}, {"x-forwarded-for", "192.0.2.1"}}), "192.0.2.1");
  EXPECT_EQ(from("10.0.0.9", {{"x-forwarded-for", "192.0.2.1"}, {"x-forwarded-for", "10.3.3.3"}}), "192.0.2.1");
}

TEST(Origin, KnowsTheSchemeThatTheProxySays) {
  auto https = [](Fields fields) {
    http::RequestHead head;
    head.fields = std::move(fields);
    head.fields.push_back({"x-forwarded-for", "192.0.2.1"});
    return forwarded_origin(head, http::parse_ip("10.0.0.9").value(), http::Networks::parse("10.0.0.0/8").value())
        ->https;
  };
  EXPECT_EQ(https({{"x-forwarded-proto", "https"}}), true);
  EXPECT_EQ(https({{"x-forwarded-proto", "https, http"}}), false);
  EXPECT_EQ(https({{"x-forwarded-proto", "gopher"}}), std::nullopt);
  EXPECT_EQ(https({}), std::nullopt);
}

}  // namespace
}  // namespace bimodal::gateway

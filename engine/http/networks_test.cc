#include "http/networks.h"

#include <gtest/gtest.h>

namespace bimodal::http {
namespace {

bool contain(const char* networks, const char* address) {
  return Networks::parse(networks).value().contain(parse_ip(address).value());
}

TEST(Networks, ContainTheAddressesOfTheirPrefixes) {
  EXPECT_TRUE(contain("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(contain("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contain("192.0.2.128/25", "192.0.2.200"));
  EXPECT_FALSE(contain("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(contain("192.0.2.1", "192.0.2.1"));
  EXPECT_FALSE(contain("192.0.2.1", "192.0.2.2"));
  EXPECT_TRUE(contain("0.0.0.0/0", "203.0.113.1"));
  EXPECT_FALSE(contain("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(contain("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contain("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(contain("::/0", "2001:db8::1"));
  EXPECT_TRUE(contain("10.0.0.0/8", "::ffff:10.0.0.1"));
  EXPECT_TRUE(contain(" 10.0.0.0/8 , ::1 ", "::1"));
  EXPECT_FALSE(contain("", "127.0.0.1"));
}

TEST(Networks, RefuseWhatIsNoNetworkByName) {
  for (const char* wrong :
       {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "example.com", "10.0/8",
        "2001:db8::1/64", "::/129", ",", "10.0.0.0/8,,::1", "[::1]"}) {
    const auto parsed = Networks::parse(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_NE(parsed.error().message.find('\''), std::string::npos);
  }
}

}  // namespace
}  // namespace bimodal::http

#include "http/proxy_header.h"

#include <gtest/gtest.h>

#include <string>

namespace bimodal::http {
namespace {

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string header(unsigned version_command, unsigned family_kind, std::string rest) {
  std::string out = kSignature;
  out += static_cast<char>(version_command);
  out += static_cast<char>(family_kind);
  out += static_cast<char>(rest.size() >> 8);
  out += static_cast<char>(rest.size() & 0xff);
  return out + rest;
}

const std::string kIpv4("\xc0\x00\x02\x07\x7f\x00\x00\x01\x12\x34\x01\xbb", 12);
const std::string kIpv6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x09" + std::string(16, '\0') +
                          std::string("\x12\x34\x01\xbb", 4);

TEST(ProxyHeader, SaysWhoseConnectionItIs) {
  const auto v4 = proxied_address(header(0x21, 0x11, kIpv4));
  ASSERT_TRUE(v4 && *v4);
  EXPECT_EQ((*v4)->host(), "192.0.2.7");
  EXPECT_EQ((*v4)->port(), 0x1234);
  const auto v6 = proxied_address(header(0x21, 0x21, kIpv6 + std::string(100, 'x')));  // with extensions
  ASSERT_TRUE(v6 && *v6);
  EXPECT_EQ((*v6)->host(), "2001:db8::9");
  EXPECT_EQ((*v6)->port(), 0x1234);
}

TEST(ProxyHeader, NamesNobodyForConnectionsOfTheLoadBalancersOwn) {
  for (const std::string& own :
       {header(0x20, 0x00, ""), header(0x20, 0x11, kIpv4), header(0x21, 0x00, ""),
        header(0x21, 0x31, std::string(216, '\0'))}) {
    const auto address = proxied_address(own);
    ASSERT_TRUE(address);
    EXPECT_FALSE(*address);
  }
}

TEST(ProxyHeader, RefusesWhatIsMalformed) {
  const std::string good = header(0x21, 0x11, kIpv4);
  const std::pair<const char*, std::string> cases[] = {
      {"empty", ""},
      {"version 1", "PROXY TCP4 192.0.2.7 127.0.0.1 4660 443\r\n"},
      {"a request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
      {"a TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00", 16)},
      {"one wrong byte of the signature", "\r\n\r\n" + std::string(1, '\0') + "\r\nQUIT\r" + good.substr(12)},
      {"version 1 in the byte", header(0x11, 0x11, kIpv4)},
      {"version 3", header(0x31, 0x11, kIpv4)},
      {"command 2", header(0x22, 0x11, kIpv4)},
      {"family 4", header(0x21, 0x41, kIpv4)},
      {"kind 3", header(0x21, 0x13, kIpv4)},
      {"datagrams", header(0x21, 0x12, kIpv4)},
      {"an address without a kind", header(0x21, 0x10, kIpv4)},
      {"IPv4 cut off", header(0x21, 0x11, kIpv4.substr(0, 11))},
      {"IPv6 cut off", header(0x21, 0x21, kIpv6.substr(0, 35))},
      {"Unix cut off", header(0x21, 0x31, std::string(215, '\0'))},
      {"IPv4 said to be IPv6", header(0x21, 0x21, kIpv4)},
      {"no address at all", header(0x21, 0x11, "")},
      {"too long", header(0x21, 0x11, kIpv4 + std::string(2048, 'x'))},
      {"shorter than it says", good.substr(0, good.size() - 1)},
      {"longer than it says", good + "G"},
  };
  for (const auto& [name, bytes] : cases) EXPECT_FALSE(proxied_address(bytes)) << name;
}

TEST(ProxyHeader, IsRefusedAtItsFirstWrongByte) {
  const std::string good = header(0x21, 0x11, kIpv4);
  for (std::size_t size = 0; size < kProxyStart; ++size) {
    EXPECT_EQ(proxy_header_size(good.substr(0, size)).value(), 0u) << size;
    if (size == 13 || size > 13) continue;
    EXPECT_FALSE(proxy_header_size(good.substr(0, size) + "\xff")) << size;
  }
  EXPECT_EQ(proxy_header_size(good.substr(0, kProxyStart)).value(), good.size());
}

}  // namespace
}  // namespace bimodal::http

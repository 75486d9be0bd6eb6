#include "cli/values.h"

#include <gtest/gtest.h>

namespace bimodal::cli {
namespace {

using std::chrono::milliseconds;

TEST(Values, DurationsCarryTheirUnit) {
  EXPECT_EQ(parse_duration("250ms").value(), milliseconds(250));
  EXPECT_EQ(parse_duration("30").value(), milliseconds(30'000));
  EXPECT_EQ(parse_duration("30 s").value(), milliseconds(30'000));
  EXPECT_EQ(parse_duration("2h").value(), milliseconds(7'200'000));
}

TEST(Values, SizesAreInBinaryUnits) {
  EXPECT_EQ(parse_size("0").value(), 0u);
  EXPECT_EQ(parse_size("64KiB").value(), 65536u);
  EXPECT_EQ(parse_size("4 GiB").value(), std::uint64_t{4} << 30);
}

TEST(Values, WhatIsNoQuantityIsRefusedWithAnExample) {
  for (const char* wrong : {"", "x", "-1", "1.5s", "3 weeks", "99999999999999999999", "99999999999999h"}) {
    Result<milliseconds> duration = parse_duration(wrong);
    ASSERT_FALSE(duration) << wrong;
    EXPECT_EQ(duration.error().code, Code::InvalidArgument);
  }
  EXPECT_NE(parse_size("3 weeks").error().message.find("4GiB"), std::string::npos);
  EXPECT_FALSE(parse_size("9999999TiB"));
}

TEST(Values, CountsAreBounded) {
  EXPECT_EQ(parse_count("7", 1, 7).value(), 7);
  EXPECT_FALSE(parse_count("8", 1, 7));
  EXPECT_FALSE(parse_count("7x", 1, 7));
}

TEST(Values, AddressesNeedHostAndPort) {
  EXPECT_EQ(parse_address("127.0.0.1:0").value(), "127.0.0.1:0");
  for (const char* wrong : {"8080", ":8080", "host", "host:", "host:65536", "host:x"}) {
    EXPECT_FALSE(parse_address(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace bimodal::cli

#include "runtime/listening.h"

#include <gtest/gtest.h>

namespace bimodal::runtime {
namespace {

using namespace std::chrono_literals;

constexpr const char* kHead = "  sl  local_address rem_address   st tx_queue rx_queue\n";

TEST(Listening, NamesTheAddressesThatNobodyOutsideReaches) {
  const std::string sockets = std::string(kHead) + "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000\n" +
                              "   1: 0100007F:1F41 00000000:0000 0A 00000000:00000000\n" + kHead +
                              "   0: 00000000000000000000000001000000:1F40 0000:0000 0A 00000000:00000000\n";
  EXPECT_EQ(
      why_unreachable(sockets, 8000, 30s),
      "the server listens on 127.0.0.1:8000, [::1]:8000 only, where nobody outside reaches it: bind it to 0.0.0.0");
}

TEST(Listening, SaysThatNothingListensWhereOnlyConnectionsAre) {
  const std::string sockets = std::string(kHead) + "   0: 0100007F:1F40 0100007F:0001 01 00000000:00000000\n";
  EXPECT_TRUE(why_unreachable(sockets, 8000, 1500ms).starts_with("nothing listens on port 8000 after 1500 ms: "));
  EXPECT_TRUE(why_unreachable("", 8000, 30s).starts_with("nothing listens on port 8000 after 30 s: "));
}

TEST(Listening, PassesOverLinesThatItDoesNotUnderstand) {
  EXPECT_TRUE(why_unreachable("1: x:1F40 y 0A\n: :\n0: 01:1F40 0 0A", 8000, 1s).starts_with("nothing listens"));
}

}  // namespace
}  // namespace bimodal::runtime

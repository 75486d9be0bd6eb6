#include "control/blob_tickets.h"

#include <gtest/gtest.h>

#include "base/ids.h"

namespace bimodal::control {
namespace {

using namespace std::chrono_literals;

class BlobTicketsTest : public testing::Test {
 protected:
  BlobTickets tickets_{"key"};
  BlobTicket upload_{BlobTicket::Right::Upload, sha256_hex("x"), 42};
  BlobTickets::Clock::time_point now_ = BlobTickets::Clock::now();
};

TEST_F(BlobTicketsTest, SayWhatTheyAllow) {
  auto ticket = tickets_.check(tickets_.issue(upload_, now_ + 1h), now_);
  ASSERT_TRUE(ticket);
  EXPECT_EQ(ticket->right, BlobTicket::Right::Upload);
  EXPECT_EQ(ticket->sha256, sha256_hex("x"));
  EXPECT_EQ(ticket->size, 42u);
}

TEST_F(BlobTicketsTest, ExpireInTime) {
  EXPECT_FALSE(tickets_.check(tickets_.issue(upload_, now_ - 1s), now_));
}

TEST_F(BlobTicketsTest, AreVoidWhenAnyCharacterIsChanged) {
  std::string text = tickets_.issue(upload_, now_ + 1h);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string forged = text;
    forged[i] = forged[i] == '1' ? '2' : '1';
    EXPECT_FALSE(tickets_.check(forged, now_)) << forged;
  }
  for (std::string garbage : {"", "-", "u", "u-1-2-3-4", "a-b"}) EXPECT_FALSE(tickets_.check(garbage, now_));
}

TEST_F(BlobTicketsTest, OfAnotherKeyAreVoid) {
  EXPECT_FALSE(BlobTickets("other").check(tickets_.issue(upload_, now_ + 1h), now_));
}

}  // namespace
}  // namespace bimodal::control

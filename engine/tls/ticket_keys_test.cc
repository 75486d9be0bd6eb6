#include "tls/ticket_keys.h"

#include <gtest/gtest.h>

namespace bimodal::tls {
namespace {

bool opens(const TicketKeys& keys, const TicketKeys::Key& sealed, bool& is_old) {
  TicketKeys::Key found;
  return keys.opening(sealed.name.data(), found, is_old) && found.cipher == sealed.cipher && found.mac == sealed.mac;
}

TEST(TicketKeys, OpenForAsLongAgainAsTheySeal) {
  TicketKeys keys;
  const auto start = std::chrono::steady_clock::now();
  const TicketKeys::Key first = keys.sealing();
  bool is_old = true;
  EXPECT_TRUE(opens(keys, first, is_old));
  EXPECT_FALSE(is_old);
  keys.rotate_by(start + TicketKeys::kSealing + std::chrono::minutes(1));
  EXPECT_TRUE(opens(keys, first, is_old));
  EXPECT_TRUE(is_old);
  keys.rotate_by(start + 2 * TicketKeys::kSealing + std::chrono::minutes(2));
  EXPECT_FALSE(opens(keys, first, is_old));
}

TEST(TicketKeys, AreAllNewAfterALongPause) {
  TicketKeys keys;
  const TicketKeys::Key first = keys.sealing();
  keys.rotate_by(std::chrono::steady_clock::now() + 3 * TicketKeys::kSealing);
  bool is_old = false;
  EXPECT_FALSE(opens(keys, first, is_old));
}

TEST(TicketKeys, AreTakenOver) {
  TicketKeys before, after;
  const TicketKeys::Key key = before.sealing();
  bool is_old = false;
  EXPECT_FALSE(opens(after, key, is_old));
  EXPECT_FALSE(after.load("short"));
  EXPECT_TRUE(after.load(before.save()));
  EXPECT_TRUE(opens(after, key, is_old));
}

}  // namespace
}  // namespace bimodal::tls

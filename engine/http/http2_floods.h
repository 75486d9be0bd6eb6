// How much of what costs us work and brings nothing an HTTP/2 peer may send. Token buckets; loop-bound, pure.
#pragma once

#include <algorithm>
#include <cstdint>

namespace bimodal::http {

class TokenBucket {
 public:
  constexpr TokenBucket(std::int64_t burst, std::int64_t per_second)
      : burst_(burst), per_second_(per_second), left_(burst) {}

  // False when it is empty: the peer has gone too far.
  bool take(std::int64_t now_ns) {
    if (since_ns_ == 0) since_ns_ = now_ns;
    if (left_ <= 0) refill(now_ns);
    return left_-- > 0;
  }

  void give(std::int64_t tokens) { left_ = std::min(burst_, left_ + tokens); }

 private:
  static constexpr std::int64_t kSecond = 1'000'000'000;

  void refill(std::int64_t now_ns) {
    const std::int64_t passed_us = (now_ns - since_ns_) / 1000;
    left_ = std::min(burst_, passed_us * per_second_ / (kSecond / 1000));
    if (left_ > 0) since_ns_ = now_ns;
  }

  std::int64_t burst_, per_second_;
  std::int64_t left_;
  std::int64_t since_ns_ = 0;  // when what has been earned was last counted
};

struct Http2Floods {
  // Streams that the peer opened only to reset them, or that it got reset by breaking the rules.
  TokenBucket resets{256, 64};
  // PING, SETTINGS, PRIORITY, unknown frames, DATA without bytes or end.
  TokenBucket noise{2048, 256};
  // WINDOW_UPDATE, of which every DATA frame that we send allows some.
  TokenBucket updates{8192, 256};
  static constexpr std::int64_t kUpdatesPerDataFrame = 8;
};

}  // namespace bimodal::http

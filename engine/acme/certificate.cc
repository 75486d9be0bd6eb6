#include "acme/certificate.h"

#include <algorithm>
#include <functional>

namespace bimodal::acme {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kFirstBackOff = 2min, kLongestBackOff = 12h, kShortestBackOff = 1s;
constexpr int kMaxDoublings = 16;

// In [0, 1), the same for the same text.
double spread_of(const std::string& text) {
  return static_cast<double>(std::hash<std::string>()(text) % 10'000) / 10'000;
}

}  // namespace

Time renewal_time(const Certificate& certificate) {
  const auto life = certificate.not_after - certificate.not_before;
  const auto spread = std::chrono::duration_cast<Time::duration>(life / 30 * spread_of(certificate.name));
  return certificate.not_before + life / 3 * 2 + spread;
}

milliseconds back_off(
    const std::string& name, int failures, std::optional<std::chrono::seconds> asked,
    std::optional<milliseconds> left) {
  const int doublings = std::clamp(failures - 1, 0, kMaxDoublings);
  const double jitter = 0.9 + 0.2 * spread_of(fmt::format("{} {}", name, failures));
  milliseconds wait = std::min(kFirstBackOff * (1 << doublings), kLongestBackOff);
  wait = std::chrono::duration_cast<milliseconds>(wait * jitter);
  if (left) wait = std::clamp(*left / 10, kShortestBackOff, wait);
  return asked ? std::max<milliseconds>(wait, *asked) : wait;
}

}  // namespace bimodal::acme

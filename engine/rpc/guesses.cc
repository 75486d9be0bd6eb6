#include "rpc/guesses.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace bimodal::rpc {
namespace {

namespace ip = boost::asio::ip;

bool is_loopback(const std::string& address) {
  boost::system::error_code failure;
  const auto parsed = ip::make_address(address, failure);
  return !failure && parsed.is_loopback();
}

}  // namespace

std::string network_of(const std::string& address) {
  boost::system::error_code failure;
  const auto parsed = ip::make_address(address, failure);
  if (failure || !parsed.is_v6()) return address;
  if (parsed.to_v6().is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, parsed.to_v6()).to_string();
  auto bytes = parsed.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return ip::make_address_v6(bytes).to_string() + "/64";
}

bool Guesses::are_used_up(const std::string& address, Time now) const {
  if (is_loopback(address)) return false;
  const std::lock_guard lock(mutex_);
  const auto found = expected_.find(network_of(address));
  return found != expected_.end() && found->second - now > (kAtOnce - 1) * kPause;
}

bool Guesses::note(const std::string& address, Time now) {
  const std::string network = network_of(address);
  const std::lock_guard lock(mutex_);
  if (!expected_.contains(network)) make_room(now);
  Time& expected = expected_[network];
  expected = std::max(expected, now) + kPause;
  // One that goes on and on is held back no longer than from the first refusal on.
  expected = std::min(expected, now + kAtOnce * kPause);
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    lines_ = 0;
  }
  return lines_++ < kLinesPerSecond;
}

void Guesses::make_room(Time now) {
  if (expected_.size() < kMaxAddresses) return;
  std::erase_if(expected_, [now](const auto& entry) { return entry.second <= now; });
  if (expected_.size() < kMaxAddresses) return;
  const auto sooner = [](const auto& left, const auto& right) { return left.second < right.second; };
  expected_.erase(std::min_element(expected_.begin(), expected_.end(), sooner));
}

}  // namespace bimodal::rpc

// How often callers from an address failed to show a good token. Thread-safe.
//
// kAtOnce failures, then one each kPause: beyond them a token from that address isn't even looked at. The host itself
// (loopback) is never shut out: whoever is on it could lock its owner out.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "async/deadline.h"

namespace bimodal::rpc {

class Guesses {
 public:
  using Time = Deadline::Clock::time_point;

  static constexpr std::size_t kMaxAddresses = 4096;  // the one that failed least lately is forgotten beyond
  static constexpr int kAtOnce = 20;
  static constexpr std::chrono::seconds kPause{3};
  static constexpr int kLinesPerSecond = 10;  // of the log, for all addresses together

  // Whether no token from `address` is to be looked at now.
  bool are_used_up(const std::string& address, Time now) const;
  // One more failure. Whether it should be logged.
  bool note(const std::string& address, Time now);

 private:
  void make_room(Time now);

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Time> expected_;  // of an address: when its next failure would be at an even pace
  Time second_{};                                   // in which so many lines were logged
  int lines_ = 0;
};

// What is one client's for sure: an IPv6 network of 64 bits (who has one address has them all), or an IPv4 address.
std::string network_of(const std::string& address);

}  // namespace bimodal::rpc

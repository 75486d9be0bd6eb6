// When each app's client was heard of last. Loop-bound; a plain table.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace bimodal::control {

class Heartbeats {
 public:
  using Clock = std::chrono::steady_clock;
  // Clients send one every 15 s; four lost ones in a row mean that the client is gone.
  static constexpr std::chrono::seconds kSilence{60};

  void beat(const std::string& app_id, Clock::time_point now) { last_[app_id] = now; }
  void forget(const std::string& app_id) { last_.erase(app_id); }

  // Removes and returns the apps that were silent for kSilence.
  std::vector<std::string> take_silent(Clock::time_point now) {
    std::vector<std::string> silent;
    for (const auto& [app_id, last] : last_) {
      if (now - last >= kSilence) silent.push_back(app_id);
    }
    for (const auto& app_id : silent) last_.erase(app_id);
    return silent;
  }

 private:
  std::map<std::string, Clock::time_point> last_;
};

}  // namespace bimodal::control

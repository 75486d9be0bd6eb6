// Wakes whoever follows an app's log when it grows, or when an app changes its state. Loop-bound, but for log_grew().
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "async/pulse.h"

namespace bimodal::control {

class LogPulses : public std::enable_shared_from_this<LogPulses> {
 public:
  // What a follower waits on. `changes` counts wake-ups: compare it before waiting, so that none is missed.
  struct Watch {
    explicit Watch(boost::asio::any_io_executor executor) : pulse(std::move(executor)) {}
    Pulse pulse;
    std::uint64_t changes = 0;
  };

  explicit LogPulses(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  std::shared_ptr<Watch> watch(const std::string& app_id);

  // Any thread, cheap: many calls become one wake-up.
  void log_grew(const std::string& app_id);
  void wake_all();

 private:
  void wake_grown();

  boost::asio::any_io_executor executor_;
  std::map<std::string, std::weak_ptr<Watch>> watches_;  // dead entries are swept when one is added

  std::mutex mutex_;
  std::set<std::string> grown_;  // since the last wake-up; guarded by mutex_
};

}  // namespace bimodal::control

// Wakes whoever follows an app's log when it grows, or when an app changes its state. Loop-bound, but for log_grew().
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "control/watches.h"

namespace bimodal::control {

class LogPulses : public std::enable_shared_from_this<LogPulses> {
 public:
  using Watch = control::Watch;

  explicit LogPulses(boost::asio::any_io_executor executor) : executor_(executor), watches_(std::move(executor)) {}

  std::shared_ptr<Watch> watch(const std::string& app_id) { return watches_.watch(app_id); }

  // Any thread, cheap: many calls become one wake-up.
  void log_grew(const std::string& app_id);
  void wake_all() { watches_.wake_all(); }

 private:
  void wake_grown();

  boost::asio::any_io_executor executor_;
  Watches watches_;

  std::mutex mutex_;
  std::set<std::string> grown_;  // since the last wake-up; guarded by mutex_
};

}  // namespace bimodal::control

#include "control/log_pulses.h"

#include <boost/asio/post.hpp>

namespace bimodal::control {

void LogPulses::log_grew(const std::string& app_id) {
  {
    std::lock_guard lock(mutex_);
    bool first = grown_.empty();
    grown_.insert(app_id);
    if (!first) return;  // a wake-up is on its way
  }
  boost::asio::post(executor_, [self = weak_from_this()] {
    if (auto alive = self.lock()) alive->wake_grown();
  });
}

void LogPulses::wake_grown() {
  std::set<std::string> grown;
  {
    std::lock_guard lock(mutex_);
    grown.swap(grown_);
  }
  for (const std::string& app_id : grown) watches_.wake(app_id);
}

}  // namespace bimodal::control

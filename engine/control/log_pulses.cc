#include "control/log_pulses.h"

#include <boost/asio/post.hpp>

namespace bimodal::control {
namespace {

void wake(LogPulses::Watch& watch) {
  ++watch.changes;
  watch.pulse.notify_all();
}

}  // namespace

std::shared_ptr<LogPulses::Watch> LogPulses::watch(const std::string& app_id) {
  std::erase_if(watches_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<Watch>& entry = watches_[app_id];
  std::shared_ptr<Watch> watch = entry.lock();
  if (!watch) entry = watch = std::make_shared<Watch>(executor_);
  return watch;
}

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
  for (const std::string& app_id : grown) {
    auto entry = watches_.find(app_id);
    if (entry == watches_.end()) continue;
    if (auto watch = entry->second.lock()) wake(*watch);
  }
}

void LogPulses::wake_all() {
  for (auto& [app_id, entry] : watches_) {
    if (auto watch = entry.lock()) wake(*watch);
  }
}

}  // namespace bimodal::control

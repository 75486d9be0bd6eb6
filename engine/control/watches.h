// Wakes whoever waits for a change of one of many objects. Loop-bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "async/pulse.h"

namespace bimodal::control {

// What a waiting coroutine holds. `changes` counts wake-ups: compare it before waiting, so that none is missed.
struct Watch {
  explicit Watch(boost::asio::any_io_executor executor) : pulse(std::move(executor)) {}
  Pulse pulse;
  std::uint64_t changes = 0;
};

class Watches {
 public:
  explicit Watches(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  std::shared_ptr<Watch> watch(const std::string& object_id) {
    std::erase_if(watches_, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<Watch>& entry = watches_[object_id];
    std::shared_ptr<Watch> watch = entry.lock();
    if (!watch) entry = watch = std::make_shared<Watch>(executor_);
    return watch;
  }

  void wake(const std::string& object_id) {
    auto entry = watches_.find(object_id);
    if (entry != watches_.end()) wake(entry->second.lock());
  }

  void wake_all() {
    for (auto& [object_id, entry] : watches_) wake(entry.lock());
  }

 private:
  static void wake(const std::shared_ptr<Watch>& watch) {
    if (!watch) return;
    ++watch->changes;
    watch->pulse.notify_all();
  }

  boost::asio::any_io_executor executor_;
  std::map<std::string, std::weak_ptr<Watch>> watches_;  // dead entries are swept when one is added
};

}  // namespace bimodal::control

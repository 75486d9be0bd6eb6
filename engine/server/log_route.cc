#include "server/log_route.h"

#include <utility>

namespace bimodal::server {

void LogRoute::add(model::LogEntry entry) {
  if (held_) {
    waiting_.push_back(std::move(entry));
    if (waiting_.size() > kMaxHeld) waiting_.pop_front();
  } else if (successor_) {
    std::ignore = successor_->send(as_json(entry), entry.text);  // one that is gone takes no lines any more
  } else {
    logs_.append(std::move(entry));
  }
}

void LogRoute::resume() {
  held_ = false;
  pour();
}

void LogRoute::lead_to(std::shared_ptr<HandOverChannel> successor) {
  successor_ = std::move(successor);
  held_ = false;
  pour();
}

void LogRoute::pour() {
  auto waiting = std::exchange(waiting_, {});
  for (model::LogEntry& entry : waiting) add(std::move(entry));
}

}  // namespace bimodal::server

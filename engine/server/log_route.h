// Where the lines of containers go: into the store, or, once another daemon has taken over, to that. Control loop.
#pragma once

#include <deque>
#include <memory>

#include "model/model.h"
#include "server/hand_over.h"
#include "store/logs.h"

namespace bimodal::server {

class LogRoute {
 public:
  static constexpr std::size_t kMaxHeld = 10'000;  // the oldest are dropped beyond

  explicit LogRoute(store::Logs& logs) : logs_(logs) {}

  void add(model::LogEntry entry);
  // Nothing is written, until one of the others is called.
  void hold() { held_ = true; }
  void resume();
  void lead_to(std::shared_ptr<HandOverChannel> successor);

 private:
  void pour();

  store::Logs& logs_;
  std::shared_ptr<HandOverChannel> successor_;
  std::deque<model::LogEntry> waiting_;
  bool held_ = false;
};

}  // namespace bimodal::server

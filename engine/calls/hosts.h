// Which container has which inputs, and the slots that they hold there. Loop-bound.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/scope.h"
#include "calls/alarms.h"
#include "calls/call.h"
#include "runtime/plain_input.h"
#include "scheduler/pool.h"

namespace bimodal::calls {

// One input inside one container. Its slot is given back when it goes.
struct Attempt {
  InputPtr input;
  scheduler::Lease lease;
  runtime::PlainInputPtr given;
  model::RetryPolicy retries;
  Alarms::Alarm alarm;        // its timeout; once it is abandoned, the end of patience
  bool is_abandoned = false;  // the input has ended or goes on elsewhere: what comes of it is of no interest
};

class Hosts {
 public:
  // `lost` is called for each attempt whose container ended with it inside. `alone`: no other fetched input was there.
  using Lost = std::function<void(Attempt attempt, scheduler::ContainerExit exit, bool alone)>;

  Hosts(Scope& scope, Lost lost) : scope_(scope), lost_(std::move(lost)) {}

  Attempt& add(const std::string& task_id, Attempt attempt);
  // Null when the container doesn't have it.
  Attempt* find(const std::string& task_id, const std::string& input_id);
  // The first one of that call.
  Attempt* find_call(const std::string& task_id, const std::string& call_id);
  void remove(const std::string& task_id, const std::string& input_id);
  std::size_t inputs_in(const std::string& task_id) const;
  std::size_t inputs() const;  // in all of them
  bool is_empty() const;       // no container has any
  void clear() { hosts_.clear(); }

 private:
  using Attempts = std::map<std::string, Attempt>;  // by input id
  Task<void> watch(std::shared_ptr<scheduler::Container> container);

  Scope& scope_;
  Lost lost_;
  std::map<std::string, Attempts> hosts_;  // by task id
};

}  // namespace bimodal::calls

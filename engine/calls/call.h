// A plain call and its inputs, as they are in memory. Plain values but for the pulse; loop-bound.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/deadline.h"
#include "async/pulse.h"
#include "calls/chunks.h"
#include "calls/payload.h"
#include "modal_client/api.pb.h"
#include "model/model.h"
#include "store/call_table.h"

namespace bimodal::calls {

namespace api = modal::client;
using Status = api::GenericResult::GenericStatus;

struct Call;

struct Input {
  Call* call = nullptr;
  int place = 0;  // its index in the call
  std::string input_id;
  int attempts = 0;       // user's retries so far
  int losses = 0;         // containers that ended with it inside
  Payload arguments;      // serialized FunctionInput
  Payload output;         // serialized FunctionGetOutputsItem, of one that has ended
  store::Ending ending;   // status 0: it hasn't ended
  std::string task_id;    // the container that has it now, "" for none
  double started_at = 0;  // Unix seconds, of the last attempt

  bool ended() const { return ending.status != 0; }
};

struct Call : std::enable_shared_from_this<Call> {
  explicit Call(boost::asio::any_io_executor executor) : changed(std::move(executor)) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  store::Call row;
  std::map<int, Input> inputs;       // by place
  std::vector<Input*> ended;         // in the order of their ends
  std::vector<Input*> unsaved;       // ended generators: their end is on disk when the caller has the items
  std::unique_ptr<Chunks> chunks;    // of a generator, once somebody asked
  Pulse changed;                     // an input came or ended
  Deadline::Clock::time_point used;  // somebody asked for it last
  Deadline::Clock::time_point told;  // outputs were told by entry last

  const std::string& id() const { return row.call_id; }
  int unfinished() const { return static_cast<int>(inputs.size() - ended.size()); }
  bool is_unary() const { return row.kind == api::FUNCTION_CALL_TYPE_UNARY; }
  // No input is missing or unfinished.
  bool is_complete() const { return unfinished() == 0 && static_cast<int>(inputs.size()) == row.expected; }
};

using CallPtr = std::shared_ptr<Call>;
using InputPtr = std::shared_ptr<Input>;  // keeps the call alive

inline InputPtr pointer_to(Input& input) {
  return InputPtr(input.call->shared_from_this(), &input);
}

}  // namespace bimodal::calls

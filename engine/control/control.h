// The API of the daemon: one service class per group of RPCs, composed here. Loop-bound (the control loop).
#pragma once

#include <memory>

#include "async/deadline.h"
#include "async/task.h"
#include "base/result.h"
#include "control/blob_transfers.h"
#include "control/context.h"
#include "metrics/page.h"
#include "rpc/service.h"

namespace bimodal::control {

class ApiTokens;
class Planner;
class Registry;

class Control {
 public:
  // Registers every RPC with `service`, which must outlive it. `context` and `planner` must, too.
  Control(Context& context, Planner& planner, rpc::Service& service);
  ~Control();

  // Brings every app that was published before the last end back to life: its functions and its routes. Once, before
  // the API is served.
  Task<Result<void>> recover();

  // Functions are about to be stopped with the daemon: calls that lose their containers are for the next one.
  void retire();

  // See calls/calls.h.
  Task<void> pause_calls(Deadline deadline);
  Task<void> hold_calls();
  void resume_calls();
  void abandon_calls();

  // Ends background work. Apps stay as they are, for the next recover().
  Task<void> close();

  // What is published right now.
  const Registry& registry() const;

  void write_metrics(metrics::Page& page) const;

  // For the home's owner.
  ApiTokens& api_tokens();

  // For the gateway, which serves the URLs of blobs.
  BlobTransfers& blob_transfers();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bimodal::control

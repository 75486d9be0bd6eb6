// Runs calls as coroutines on the control loop and ends them when their callers go or the server closes.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <unordered_set>

#include "async/deadline.h"
#include "async/pulse.h"
#include "rpc/connections.h"
#include "rpc/identity.h"
#include "rpc/replays.h"
#include "rpc/service.h"

namespace bimodal::rpc {

// A call that runs. Loop-bound.
class Running {
 public:
  virtual ~Running() = default;
  virtual Kind kind() const = 0;
  virtual bool is_clients() const = 0;                      // false while it is held
  virtual const Caller* client() const { return nullptr; }  // null: a container's
  virtual void cancel() = 0;
};

// Loop-bound, but for `service`, `tokens`, `connections`, `guesses` and `refuses_clients`.
struct Dispatcher {
  Dispatcher(boost::asio::any_io_executor executor, const Service& service, const Tokens& tokens)
      : executor(executor),
        service(service),
        tokens(tokens),
        replays(executor),
        idle(executor),
        mutated(executor),
        released(executor) {}

  boost::asio::any_io_executor executor;
  const Service& service;
  const Tokens& tokens;
  Connections connections;
  Guesses guesses;
  Replays replays;
  std::unordered_set<Running*> running;
  Pulse idle;                                                           // nothing runs any more
  std::map<std::pair<std::string_view, Code>, std::uint64_t> answered;  // how often, by RPC and code
  Pulse mutated;                                                        // a mutation ended
  Pulse released;                                                       // clients' calls go on
  bool closing = false;
  bool holds_clients = false;
  std::atomic<bool> refuses_clients = false;

  void add(Running& call) { running.insert(&call); }
  void remove(Running& call);

  // What the handler answers; its exceptions become errors, and its cancellation does. Mutations by Replays. A stream's
  // messages go to `outlet`.
  Task<Result<SharedMessage>> answer(
      const Method& method, Call call, std::unique_ptr<Message> request, std::shared_ptr<Outlet> outlet);

  // New calls of clients wait, until release_clients().
  void hold_clients() { holds_clients = true; }
  void release_clients();
  // Completes when no mutation of theirs runs, and at `deadline`.
  Task<void> wait_for_clients_mutations(Deadline deadline);

  // Cancels the clients' queries and streams of whom `is_meant`.
  void end_calls(const std::function<bool(const Caller&)>& is_meant);

  // Cancels queries and streams, waits for mutations until `grace`, then cancels those too and waits for all.
  Task<void> close(Deadline grace);
};

}  // namespace bimodal::rpc

// Serves a Service over gRPC: to clients on a TCP address (HTTP/2 in clear, prior knowledge), to containers on
// connections that somebody accepted for them.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "async/deadline.h"
#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "metrics/page.h"
#include "rpc/call.h"
#include "rpc/service.h"
#include "rpc/tokens.h"

namespace bimodal::rpc {

class Host {
 public:
  // Binds `address` ("127.0.0.1:6420"; port 0 picks one) and serves at once; handlers run on `control`'s loop.
  // `tokens` and `service` must outlive the Host. AlreadyExists when the port is in use, InvalidArgument when the
  // address can't be bound.
  static Result<std::unique_ptr<Host>> listen(
      const std::string& address, const Tokens& tokens, boost::asio::any_io_executor control, const Service& service);
  // The same at once, or only from accept_clients() on: on a socket of bind() or of another daemon's share_listener().
  static Result<UniqueFd> bind(const std::string& address);
  static Result<std::unique_ptr<Host>> serve(
      UniqueFd listener, const Tokens& tokens, boost::asio::any_io_executor control, const Service& service);
  ~Host();  // after close()

  std::uint16_t port() const;

  // Takes clients' connections. Control loop, like what follows.
  void accept_clients();
  // Another descriptor of the listening socket, for the daemon that takes over.
  Result<UniqueFd> share_listener() const;
  // While another daemon makes ready to take over: new connections of clients wait in the kernel's queue, their new
  // calls here. Completes when no mutation of theirs runs, at `deadline` at the latest.
  Task<void> hold_clients(Deadline deadline);
  void release_clients();
  // The other daemon has the clients from now on: their connections end. Containers are still served.
  void leave_clients();

  // Serves an accepted stream connection of that container: every call on it is that task's. Any thread.
  void adopt(UniqueFd connection, std::string task_id);

  // Serves a client who came to another door, whose bytes are already in clear. Any thread.
  void adopt_client(UniqueFd connection, std::string address);

  // Cancels the queries and streams of clients of whom `is_meant`. On the control loop.
  void end_calls(const std::function<bool(const Caller&)>& is_meant);

  // New calls of clients get Unavailable from now on; containers, which are finishing their work, are still served.
  // Any thread.
  void refuse_clients();

  // How often each RPC was answered, and with which code. On the control loop.
  void write_metrics(metrics::Page& page) const;

  // Refuses new calls, ends streams and queries, lets mutations finish until `grace`. On the control loop.
  Task<void> close(Deadline grace);

 private:
  struct State;
  explicit Host(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bimodal::rpc

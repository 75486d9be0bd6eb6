// Serves a Service over gRPC: to clients on a TCP address (HTTP/2 in clear, prior knowledge), to containers on
// connections that somebody accepted for them.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "async/deadline.h"
#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "metrics/page.h"
#include "rpc/identity.h"
#include "rpc/service.h"

namespace bimodal::rpc {

class Host {
 public:
  // Binds `address` ("127.0.0.1:6420"; port 0 picks one) and serves at once; handlers run on `control`'s loop.
  // `service` must outlive the Host. AlreadyExists when the port is in use, InvalidArgument when the address can't be
  // bound.
  static Result<std::unique_ptr<Host>> listen(
      const std::string& address, Token token, boost::asio::any_io_executor control, const Service& service);
  ~Host();  // after close()

  std::uint16_t port() const;

  // Serves an accepted stream connection of that container: every call on it is that task's. Any thread.
  void adopt(UniqueFd connection, std::string task_id);

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

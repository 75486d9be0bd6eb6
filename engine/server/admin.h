// The daemon's own HTTP/1.1 listener, for whoever runs it: GET /metrics (Prometheus' text format 0.0.4) and GET
// /healthz. On the control loop: that it answers says that the loop lives.
//
// Whoever reaches the address may read; it tells names of apps and functions, and no secret or URL. A page in a browser
// can't: no answer allows another origin, and a request is refused whose Host is a name (DNS rebinding), for only names
// can be pointed at an address by somebody else. At most kMaxConnections at a time; further ones wait in the kernel.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "async/loop.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "metrics/page.h"

namespace bimodal::server {

class Admin {
 public:
  static constexpr std::size_t kMaxConnections = 16;

  // Adds every module's samples. Called on the control loop, once for each GET /metrics.
  using Write = std::function<void(metrics::Page&)>;

  // Binds `address` ("127.0.0.1:6421"; port 0 picks one). AlreadyExists when it is in use. `loop` is the control loop.
  static Result<std::unique_ptr<Admin>> listen(Loop& loop, const std::string& address, Write write);
  // Binds it beside the daemon that has it and is to leave it soon.
  static Result<std::unique_ptr<Admin>> join(Loop& loop, const std::string& address, Write write);
  // Closes its connections. On the loop, or while that doesn't run.
  ~Admin();

  std::uint16_t port() const;

 private:
  class Door;
  explicit Admin(std::unique_ptr<Door> door);
  std::unique_ptr<Door> door_;
};

}  // namespace bimodal::server

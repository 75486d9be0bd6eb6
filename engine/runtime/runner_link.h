// The daemon's own connection to a container's runner: learns when it is ready and whether its event loop goes round,
// tells it to drain. Loop-bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "runtime/frame_io.h"

namespace bimodal::runtime {

class RunnerLink {
 public:
  explicit RunnerLink(boost::asio::any_io_executor executor);

  // A connection to the runner's listening socket, which nobody needs to have accepted yet.
  void adopt(UniqueFd connection);
  struct Greeting {
    std::chrono::nanoseconds since_import{-1};  // since the user's module was imported; negative: not said
  };
  // Waits for the runner's Hello. Unavailable when the connection ends before, Internal when the runner speaks another
  // version of the protocol or for another task.
  Task<Result<Greeting>> greet(std::string task_id);
  // Whether anything has come from the runner, read or not.
  bool has_spoken();
  // Answers pings, and calls `answered` for each answer to our own, until the runner closes the connection.
  Task<void> follow(std::function<void()> answered);
  // Has the runner's event loop answer. Does nothing before it has greeted.
  void ping();
  // Tells the runner to finish its requests and end its seat. Does nothing before it has greeted.
  void drain();
  // Ends greet() and follow().
  void close();

 private:
  void send(wire::FrameHeader header);

  FrameSocket socket_;
  bool greeted_ = false;
};

}  // namespace bimodal::runtime

// The daemon's own connection to a container's runner: learns when it is ready, tells it to drain. Loop-bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>

#include "async/task.h"
#include "base/result.h"
#include "wire/frame.h"

namespace bimodal::runtime {

class RunnerLink {
 public:
  explicit RunnerLink(boost::asio::any_io_executor executor);

  // Connects to the Unix socket at `path` and waits for the runner's Hello. Fails when it speaks another version of the
  // protocol, or for another task.
  Task<Result<void>> greet(std::string path, std::string task_id);
  // Answers pings until the runner closes the connection.
  Task<void> follow();
  // Tells the runner to finish its requests and end its seats. Does nothing before it has greeted.
  void drain();

 private:
  struct Frame {
    wire::FrameHeader header;
    std::string payload;
  };
  Task<Result<Frame>> read();
  void send(wire::FrameHeader header);

  boost::asio::local::stream_protocol::socket socket_;
  bool greeted_ = false;
};

}  // namespace bimodal::runtime

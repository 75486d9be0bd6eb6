// Whole frames (wire/frame.h) from a Unix stream socket. Loop-bound.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <string>

#include "async/task.h"
#include "base/result.h"
#include "wire/frame.h"

namespace bimodal::runtime {

using FrameSocket = boost::asio::local::stream_protocol::socket;

struct Frame {
  wire::FrameHeader header;
  std::string payload;
};

// The next frame. Unavailable when the peer is gone, Internal when what it sent is no frame. `socket` must outlive it.
Task<Result<Frame>> read_frame(FrameSocket& socket);

}  // namespace bimodal::runtime

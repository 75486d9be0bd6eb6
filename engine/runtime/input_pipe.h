// The daemon's end of a command's input: bytes are given with their offset, so that an attempt can be repeated.
// Loop-bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <string>

#include "async/pulse.h"
#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::runtime {

class InputPipe {
 public:
  enum class Kind { Pipe, Terminal };

  explicit InputPipe(boost::asio::any_io_executor executor);

  void open(UniqueFd write_end, Kind kind = Kind::Pipe);

  // Gives it `bytes` that begin at `offset` of all input: what it has got already is left out. Completes when it has
  // taken them. OutOfRange when bytes before `offset` are missing, FailedPrecondition when it takes no more. The owner
  // outlives the call.
  Task<Result<void>> write(std::uint64_t offset, std::string bytes);
  // The end of input, after which it takes no more; a terminal gets the end-of-file character, and may take more.
  void end();
  // Nobody reads any more.
  void close();

  std::uint64_t bytes() const { return bytes_; }
  bool closed() const { return !pipe_.is_open(); }

 private:
  boost::asio::posix::stream_descriptor pipe_;
  Kind kind_ = Kind::Pipe;
  std::uint64_t bytes_ = 0;
  bool writing_ = false;
  Pulse written_;
};

}  // namespace bimodal::runtime

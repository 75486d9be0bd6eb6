// The daemon's end of an exec: a process that runs in a sandbox beside its first one. Loop-bound; destroying it kills
// the process.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>

#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::sandbox {

class Exec {
 public:
  // `control`: the daemon's end of the socket that the launcher got (errand.h).
  Exec(boost::asio::any_io_executor executor, UniqueFd control);

  // Completes when the process runs, or with why it doesn't; once, before everything else. Unavailable when the sandbox
  // ended first.
  Task<Result<void>> started();
  // The other end of its terminal, once; none without one. Whatever the sandbox's files made of it: check what it is.
  UniqueFd take_terminal() { return std::move(terminal_); }
  // Its status as waitpid(2) gives it; a SIGKILL when its sandbox ended with it. One caller at a time.
  Task<int> wait();
  void kill();  // SIGKILL to the process alone: its own children go on

 private:
  Task<bool> next();  // takes in a message; false: there will be none any more
  void take(const std::string& message, std::vector<UniqueFd>& fds);

  boost::asio::posix::stream_descriptor control_;
  UniqueFd terminal_;
  bool started_ = false;
  std::optional<Error> failure_;
  std::optional<int> status_;
};

}  // namespace bimodal::sandbox

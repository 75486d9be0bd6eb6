// Carries what a process writes to a pipe into a build log, as it appears. Loop-bound.
#pragma once

#include <memory>

#include "async/deadline.h"
#include "async/pulse.h"
#include "async/scope.h"
#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "image/builder.h"
#include "image/output_tail.h"

namespace bimodal::image {

// Output of one step: passed on to the log up to a bound, its last lines kept.
class StepOutput {
 public:
  static constexpr std::size_t kMaxBytes = 16 << 20;  // passed on; what follows is read and dropped, but for the tail

  explicit StepOutput(BuildLog log) : log_(std::move(log)) {}

  void add(std::string_view text);
  const OutputTail& tail() const { return tail_; }

 private:
  BuildLog log_;
  OutputTail tail_;
  std::size_t passed_ = 0;
};

struct Pipe {
  UniqueFd read, write;
};
// Close-on-exec at both ends.
Result<Pipe> make_pipe();

// Reads a pipe into a StepOutput until its last writer is gone.
class OutputPump {
 public:
  OutputPump(boost::asio::any_io_executor executor, UniqueFd pipe, std::shared_ptr<StepOutput> output);

  // Waits for the end of the pipe, at most until `deadline` (a process that got away may hold it open), then closes
  // it. Must finish before destruction.
  Task<void> finish(Deadline deadline);

 private:
  Task<void> run(UniqueFd pipe, std::shared_ptr<StepOutput> output);

  Scope scope_;
  Pulse ended_;
  bool at_end_ = false;
};

}  // namespace bimodal::image

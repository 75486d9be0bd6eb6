// A command that a user started in a running container: its input, its outputs, its end. Loop-bound.
//
// It ends with its container at the latest. What it wrote, and how it ended, can be asked for as long as somebody holds
// it.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/pulse.h"
#include "async/scope.h"
#include "runtime/exec_output.h"
#include "runtime/input_pipe.h"
#include "sandbox/exec.h"
#include "sandbox/launcher.h"

namespace bimodal::runtime {

struct ExecRequest {
  enum class Output { Discard, Pipe, ToStdout };
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;  // on top of the container's
  std::string workdir;                     // empty: the container's
  std::optional<sandbox::ExecSpec::Terminal> terminal;
  Output out = Output::Pipe, err = Output::Pipe;
  std::chrono::seconds timeout{0};  // 0: none; it is killed after it
};

class ContainerExec : public std::enable_shared_from_this<ContainerExec> {
 public:
  // Starts it in `sandbox`; its work happens in `scope`, which outlives it. Fails as Sandbox::exec() does.
  static Task<Result<std::shared_ptr<ContainerExec>>> start(
      boost::asio::any_io_executor executor, Scope& scope, sandbox::Sandbox& sandbox, sandbox::ExecSpec spec,
      ExecRequest request);

  explicit ContainerExec(boost::asio::any_io_executor executor);

  ExecOutput& out() { return out_; }
  ExecOutput& err() { return err_; }

  InputPipe& input() { return input_; }

  // The status as waitpid(2) gives it; nothing while it runs until `deadline`.
  Task<std::optional<int>> wait(Deadline deadline);
  std::optional<int> status() const { return status_; }

 private:
  using Stream = boost::asio::posix::stream_descriptor;

  Result<void> open_pipes(sandbox::ExecSpec& spec, const ExecRequest& request, std::vector<UniqueFd>& theirs);
  Result<void> take_terminal();
  static Task<void> follow(std::shared_ptr<ContainerExec> self, Stream& stream, ExecOutput& output);
  static Task<void> follow_end(std::shared_ptr<ContainerExec> self);
  static Task<void> kill_after(std::shared_ptr<ContainerExec> self, std::chrono::seconds timeout);

  std::unique_ptr<sandbox::Exec> exec_;
  InputPipe input_;
  Stream out_stream_, err_stream_;
  ExecOutput out_, err_;
  std::optional<int> status_;
  Pulse changed_;
};

}  // namespace bimodal::runtime

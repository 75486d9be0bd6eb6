// A container that runs one command of a user's: a sandbox of the client's SDK, or a shell. Loop-bound.
//
// It stands behind the same barriers as a function's container, but has no connection to the daemon: there is nothing
// that it could ask for. It ends with its command, at its time limit, when it is idle for too long, or when it is
// killed. What it wrote and how it ended can be asked for as long as somebody holds it.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/pulse.h"
#include "async/scope.h"
#include "runtime/container_exec.h"
#include "runtime/containers.h"
#include "runtime/exec_output.h"
#include "runtime/input_pipe.h"
#include "runtime/line_splitter.h"
#include "runtime/run_directory.h"
#include "runtime/volume_mounts.h"

namespace bimodal::runtime {

struct Surroundings;

class CommandContainer : public std::enable_shared_from_this<CommandContainer> {
 public:
  CommandContainer(Surroundings& surroundings, CommandPlan plan, std::string task_id);

  // Completes when the command runs. NotFound when there is no such program, otherwise as sandbox::Launcher::start().
  Task<Result<void>> start();
  // From a successful start on: drives it, and returns when nothing of it is left.
  Task<void> run();

  const std::string& task_id() const { return task_id_; }
  const std::string& app_id() const { return plan_.app_id; }
  TaskInfo info() const;

  ExecOutput& out() { return out_.kept; }
  ExecOutput& err() { return err_.kept; }
  // Of the command. Completes as InputPipe::write() does.
  Task<Result<void>> write(std::uint64_t offset, std::string bytes);
  void end_input() { input_.end(); }
  std::uint64_t input_bytes() const { return input_.bytes(); }

  // A command beside its own; its work happens in `scope`. NotFound after the container's end.
  Task<Result<std::shared_ptr<ContainerExec>>> exec(Scope& scope, ExecRequest request);
  // Shows it what others have committed to its volumes, as VolumeMounts::reload() does.
  Task<Result<void>> reload_volumes();

  std::optional<std::filesystem::path> directory() const;  // where its changes are, while it has some
  void kill(CommandOutcome::Kind why = CommandOutcome::Kind::Terminated);
  // How it ended; nothing while it runs until `deadline`.
  Task<std::optional<CommandOutcome>> wait(Deadline deadline);
  const std::optional<CommandOutcome>& outcome() const { return outcome_; }

 private:
  struct Output {
    Output(boost::asio::any_io_executor executor, model::LogStream name)
        : stream(executor), kept(executor, ExecOutput::Unread::Drops), name(name) {}
    boost::asio::posix::stream_descriptor stream;
    ExecOutput kept;
    LineSplitter lines;
    const model::LogStream name;
  };

  sandbox::Spec spec() const;
  Task<void> follow(Output& output);
  Task<void> watch_time();
  Deadline idle_end() const;
  Task<void> follow_exec(std::shared_ptr<ContainerExec> exec);
  void say(std::string_view line, model::LogStream stream);
  CommandOutcome outcome_of(const sandbox::ExitReport& report) const;

  Surroundings& surroundings_;
  CommandPlan plan_;
  const std::string task_id_;
  const std::chrono::system_clock::time_point made_at_ = std::chrono::system_clock::now();
  std::unique_ptr<RunDirectory> directory_;
  std::shared_ptr<sandbox::Sandbox> sandbox_;
  std::shared_ptr<VolumeMounts> volumes_;
  InputPipe input_;
  Output out_, err_;
  int open_outputs_ = 0;
  int execs_ = 0;                     // that run
  Deadline::Clock::time_point busy_;  // last, unless execs run
  std::optional<CommandOutcome::Kind> killed_;
  std::optional<CommandOutcome> outcome_;
  Scope tasks_;
  Pulse changed_;
};

}  // namespace bimodal::runtime

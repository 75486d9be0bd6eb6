// One container from its plan to its last log line: its sandbox, its output, its inputs. Loop-bound.
//
// run() drives it and returns when nothing of it is left; everything else may be called at any time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "async/pulse.h"
#include "async/scope.h"
#include "runtime/containers.h"
#include "runtime/log_pipe.h"
#include "runtime/orders.h"
#include "runtime/run_directory.h"
#include "runtime/runner_link.h"
#include "runtime/start_counts.h"
#include "runtime/vigil.h"
#include "runtime/volume_mounts.h"
#include "runtime/web_bridge.h"
#include "scheduler/launcher.h"

namespace bimodal::runtime {

class Standbys;
struct Body;

// What containers share. Outlives them.
struct Surroundings {
  boost::asio::any_io_executor executor;
  sandbox::Launcher& sandboxes;
  Planner& planner;
  ApiConnections& api;
  LogSink logs;
  ContainersConfig config;
  Standbys* standbys = nullptr;  // none: every container is started from the beginning
  std::shared_ptr<StartCounts> counts = std::make_shared<StartCounts>();
};

class LiveContainer : public scheduler::Container, public Session, public std::enable_shared_from_this<LiveContainer> {
 public:
  LiveContainer(
      Surroundings& surroundings, model::FunctionVersionPtr version, std::string task_id,
      std::optional<BuildStep> step);

  Task<void> run();
  // Completes when the container is warm; fails with the one-line reason when it ends before, or isn't warm within
  // startup_timeout (it is killed then).
  Task<Result<void>> wait_warm();
  TaskInfo info() const;
  // A command beside the container's own process; its work happens in `scope`. NotFound before the container has
  // started and after its end.
  Task<Result<std::shared_ptr<ContainerExec>>> exec(Scope& scope, ExecRequest request);

  // Where its changes to its root filesystem are, while it has one.
  std::optional<std::filesystem::path> directory() const;
  // SIGKILL; `reason` is one line, for its callers.
  void kill_because(std::string reason);

  const std::string& task_id() const override { return task_id_; }
  const model::FunctionVersionPtr& version_pointer() const { return version_; }

  // scheduler::Container
  const std::string& web_socket() const override { return web_socket_; }
  const scheduler::StartTimes& start_times() const override { return times_; }
  void note_cold_start(std::string phases) override;
  Task<Result<UniqueFd>> connect(std::uint16_t port, Deadline deadline) override;
  void drain() override;
  void kill() override;
  Task<scheduler::ContainerExit> wait_exit() override;
  void on_stall(std::function<void(bool)> told) override { stall_told_ = std::move(told); }
  void set_use(std::function<bool()> was_used) override { was_used_ = std::move(was_used); }

  // Session
  const model::FunctionVersion& version() const override { return *version_; }
  void hello() override;
  void heartbeat() override;
  Task<Order> next_order(Deadline deadline, Batch batch) override;
  void give(PlainInputPtr input) override;
  bool cancel(const std::string& input_id) override;
  bool end_plain(const std::string& input_id) override;
  void output(std::string input_id, std::string failure) override;
  std::shared_ptr<WebRequest> web_request(const std::string& function_call_id) const override;
  Task<std::vector<std::string>> cancelled_inputs(Deadline deadline) override;
  void start_failed(StartFailure failure) override;
  void server_entered() override;
  void stop_fetching() override;
  Task<Result<void>> commit_volume(std::string volume_id) override;
  Task<Result<void>> reload_volume(std::string volume_id) override;

 private:
  enum class WebPath { Unknown, None, Runner, Client };  // who serves web requests; None: there are no web methods

  Task<Result<void>> start();
  Task<Result<Body>> make_body(ContainerPlan plan);
  Task<std::optional<Body>> take_from_reserve(ContainerPlan plan);
  void follow_output(UniqueFd read_end, model::LogStream stream);
  Task<void> follow_pipe(std::shared_ptr<LogPipe> pipe);
  Task<void> follow_runner();
  void choose_web_path();
  Task<void> await_greeting();
  void serve_by_client();
  Task<void> keep_vigil();
  void stall();
  void note_answer();
  Task<void> keep_volumes();
  Task<void> leave();
  Task<Result<UniqueFd>> connect_here(std::shared_ptr<LiveContainer> self, std::uint16_t port, Deadline deadline);

  Task<void> await_server();
  Task<void> terminate_server();
  std::string lateness() const;

  void become_warm_if_ready();
  void become_warm();
  scheduler::ContainerExit exit_of(const sandbox::ExitReport& report) const;
  void end(scheduler::ContainerExit exit);
  void write_log(model::LogEntry entry);
  void say(const std::string& line);  // into the app's log
  std::string name() const;

  Surroundings& surroundings_;
  const model::FunctionVersionPtr version_;
  const std::string task_id_;
  const std::optional<BuildStep> step_;  // of a build
  const std::chrono::system_clock::time_point enqueued_at_ = std::chrono::system_clock::now();
  std::unique_ptr<RunDirectory> directory_;
  std::string web_socket_;
  std::shared_ptr<void> origin_;  // Body's
  std::shared_ptr<sandbox::Sandbox> sandbox_;
  sandbox::ExecSpec command_;              // what an exec has in common with the container's own process
  std::shared_ptr<VolumeMounts> volumes_;  // from its start until its end
  Scope tasks_;                            // of a started container
  Pulse changed_;                          // anything that a waiting coroutine below may look at
  Orders orders_;
  std::vector<std::string> to_cancel_;  // plain inputs of which the client hasn't heard yet
  RunnerLink runner_;
  Vigil vigil_;
  std::unique_ptr<WebBridge> bridge_;  // when the client serves web requests by its own path
  WebPath web_path_;
  Deadline startup_deadline_ = Deadline::never();
  std::optional<Deadline::Clock::time_point> entered_at_;  // of a server
  std::chrono::system_clock::time_point warm_at_{};
  int open_pipes_ = 0;
  std::function<void(bool)> stall_told_;
  std::function<bool()> was_used_;
  int heartbeats_out_ = 0;
  int answers_ = 0;  // that heartbeats which were out were given, so that others come
  bool runner_greeted_ = false;
  bool runner_gone_ = false;
  bool asked_ = false;  // for inputs, at least once
  bool warm_ = false;
  bool cold_start_noted_ = false;
  std::string_view kind_ = "beginning";  // of its start
  scheduler::StartTimes times_;
  bool leaving_ = false;
  std::string kill_reason_;      // set when the daemon killed it
  std::string failure_summary_;  // what the container itself said of its failure
  std::optional<scheduler::ContainerExit> exit_;
};

}  // namespace bimodal::runtime

// Live containers: starts them in sandboxes, follows their side of the protocol, keeps their logs.
//
// Implements scheduler::Launcher. Loop-bound (control loop). Container RPCs arrive at `control`, which knows from the
// connection which task called, and forwards them to that task's Session.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/deadline.h"
#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "metrics/page.h"
#include "model/model.h"
#include "runtime/container_exec.h"
#include "runtime/plain_input.h"
#include "runtime/volume.h"
#include "sandbox/launcher.h"
#include "scheduler/launcher.h"

namespace bimodal::runtime {

// What a container in reserve can be given before it is known which one it is.
struct Reserve {
  std::size_t layers = 0;                  // so many of `layers`: those of the image and of the client
  std::map<std::string, std::string> env;  // without secrets
};

using LogSink = std::function<void(model::LogEntry)>;

// Everything that a container needs besides its sockets. Made by `control` for each start.
struct ContainerPlan {
  std::vector<std::filesystem::path> layers;  // image, runtime layer, mounts; lowest first
  std::map<std::string, std::string> env;     // image ENV, secrets, MODAL_IMAGE_ID, MODAL_ENVIRONMENT, PYTHONPATH …
  std::string workdir = "/root";
  std::string user;
  std::string arguments;  // serialized modal.client.ContainerArguments
  std::string python = "python";
  std::vector<PlannedVolume> volumes;
  std::optional<Reserve> reserve;  // none: each container has to be started from the beginning
};

// A container that is a step of an image's build: its files are wanted, and its output is no app's.
struct BuildStep {
  std::filesystem::path upper;  // its changes to its image end there, and stay
  LogSink output;
};

class Planner {
 public:
  virtual ~Planner() = default;
  virtual Task<Result<ContainerPlan>> plan(model::FunctionVersionPtr version, std::string task_id) = 0;
};

// What a container needs that runs one command (command_container.h).
struct CommandPlan {
  std::string app_id;
  std::vector<std::filesystem::path> layers;  // lowest first
  std::map<std::string, std::string> env;     // the whole environment, but for the task's id
  std::vector<std::string> argv;
  std::string workdir = "/";
  std::string user;
  std::vector<PlannedVolume> volumes;
  std::int64_t memory_bytes = 0;  // limit; 0: the host's default
  int cpu_milli = 0;              // limit; 0: none
  bool block_network = false;
  std::chrono::seconds timeout{0};       // 0: none
  std::chrono::seconds idle_timeout{0};  // without a command beside its own, and without input; 0: none
  std::shared_ptr<void> room = nullptr;  // on the host: let go when nothing of it runs
};

// How it ended.
struct CommandOutcome {
  enum class Kind { Exited, Terminated, TimedOut, Idle, OutOfMemory } kind = Kind::Exited;
  int exit_code = 0;  // as a shell has it: 128 and the signal's number for one that a signal ended
};

class CommandContainer;

// Takes over an accepted connection of a container's API socket. Implemented by rpc.
class ApiConnections {
 public:
  virtual ~ApiConnections() = default;
  virtual void adopt(UniqueFd connection, std::string task_id) = 0;
};

class WebRequest;

// What the next FunctionGetInputs of a container is answered with.
struct Order {
  enum class Kind {
    Seat,
    Request,
    Inputs,
    KillSwitch,
    Nothing
  } kind = Kind::Nothing;        // Nothing: the deadline passed, ask again
  std::string method_name = {};  // Seat, Request: which web method
  std::string input_id = {}, function_call_id = {};
  std::shared_ptr<WebRequest> request = nullptr;  // Request
  std::vector<PlainInputPtr> inputs = {};         // Inputs: at least one, at most as many as were asked for
};

// Why a container could not be started, as its TaskResult said.
struct StartFailure {
  std::string summary;    // one line: "ModuleNotFoundError: No module named 'x'"
  std::string traceback;  // for the log, never for a response
};

// The container's side of the protocol, for control's RPC handlers.
class Session {
 public:
  virtual ~Session() = default;
  virtual const std::string& task_id() const = 0;
  virtual const model::FunctionVersion& version() const = 0;
  virtual void hello() = 0;
  virtual void heartbeat() = 0;
  virtual Task<Order> next_order(Deadline deadline, Batch batch) = 0;
  // An input of a plain call for the container, which has a free slot for it.
  virtual void give(PlainInputPtr input) = 0;
  // The container is to cancel that plain input, of which it may still give an output. False when it has not seen it,
  // and now never will.
  virtual bool cancel(const std::string& input_id) = 0;
  // That plain input ended. False when there is no such one with the container.
  virtual bool end_plain(const std::string& input_id) = 0;
  // An input ended: a seat or a request; `failure` in one line, empty when it had none.
  virtual void output(std::string input_id, std::string failure) = 0;
  // The request of that call that the container works on; null when there is none.
  virtual std::shared_ptr<WebRequest> web_request(const std::string& function_call_id) const = 0;
  // The answer to a heartbeat: inputs that the container is to cancel, as soon as there are some; nothing at
  // `deadline`, and when the container is to say that it lives (vigil.h).
  virtual Task<std::vector<std::string>> cancelled_inputs(Deadline deadline) = 0;
  virtual void start_failed(StartFailure failure) = 0;
  // Of a server (@app.server): its @enter is done, and it waits for SIGTERM. It is warm once its port is listened on.
  virtual void server_entered() = 0;
  // The user's stop_fetching_inputs(). The pool must be told as well (scheduler::Functions::stop_container, graceful):
  // running seats go on until it drains the container.
  virtual void stop_fetching() = 0;
  // See VolumeMounts.
  virtual Task<Result<void>> commit_volume(std::string volume_id) = 0;
  virtual Task<Result<void>> reload_volume(std::string volume_id) = 0;
};

struct StandbyInfo {
  std::string id, app_id;
  bool ready = false;
  bool parked = false;   // it is one function's already, but for the user's code
  std::string unforked;  // why containers of its image can't be forked; "": they are
};

struct TaskInfo {
  std::string task_id, app_id, function_id;
  std::chrono::system_clock::time_point enqueued_at, started_at;  // started_at: epoch until warm
  bool draining = false;
  std::chrono::system_clock::time_point finished_at = {};  // epoch while it runs
};

struct ContainersConfig {
  std::filesystem::path home;  // run/<task>/ and upper directories live below
  std::chrono::milliseconds exit_grace = std::chrono::seconds(30);
  // How long after a container's first question its runner may take to greet. A real one has greeted before.
  std::chrono::milliseconds greeting_patience{0};
  std::chrono::milliseconds heartbeat_limit = std::chrono::seconds(60);  // see vigil.h
  // A runner whose event loop answers nothing for so long is stalled: its container gets no requests meanwhile. 0:
  // never.
  std::chrono::milliseconds stalled_after = std::chrono::seconds(10);
  std::int64_t default_memory_bytes = 0;  // limit when the function names none; 0: no limit
  // Images, of all apps, of which containers are in reserve at once: each so many as standby_ready, if they can be
  // forked, else one.
  int max_standbys = 0;
  int standby_ready = 2;
  std::chrono::milliseconds standby_idle = std::chrono::minutes(10);  // an app without a start so long has none
  int max_commands = 100;                                             // containers that run a command, at once
};

class Containers : public scheduler::Launcher {
 public:
  // Removes what a killed daemon left below <home>/run.
  Containers(
      boost::asio::any_io_executor executor, sandbox::Launcher& sandboxes, Planner& planner, ApiConnections& api,
      LogSink logs, ContainersConfig config);
  ~Containers() override;

  Task<Result<std::shared_ptr<scheduler::Container>>> launch(model::FunctionVersionPtr version) override;

  // The same for a step of a build, which gets no container from the reserve.
  Task<Result<std::shared_ptr<scheduler::Container>>> launch_step(model::FunctionVersionPtr version, BuildStep step);

  // The app serves exactly `versions` from now on: one container in reserve for each image among them, made in the
  // background. With none, one is made when a container has started.
  void expect(const std::string& app_id, std::vector<model::FunctionVersionPtr> versions);
  // The app is stopped.
  void dismiss(const std::string& app_id);

  std::shared_ptr<Session> session(const std::string& task_id) const;  // null when gone
  std::vector<TaskInfo> list() const;
  // One that runs, or one of the kEndedKept that ended last.
  std::optional<TaskInfo> find(const std::string& task_id) const;
  static constexpr std::size_t kEndedKept = 1000;
  std::vector<StandbyInfo> standbys() const;
  // The host is short of room: of what is kept in reserve, what isn't accounted for goes. Control loop.
  void give_way();
  void write_metrics(metrics::Page& page) const;
  // Starts a command in that container, with its environment, user and working directory. NotFound when it doesn't run;
  // otherwise as ContainerExec::start().
  Task<Result<std::shared_ptr<ContainerExec>>> exec(std::string task_id, ExecRequest request);
  // Completes when the command runs; fails as CommandContainer::start(), and with ResourceExhausted beyond
  // ContainersConfig::max_commands. It is found, listed and given commands like
  // any container.
  Task<Result<std::shared_ptr<CommandContainer>>> run_command(CommandPlan plan);
  std::shared_ptr<CommandContainer> command(const std::string& task_id) const;  // null when there is none that runs
  // Kills those of that app, and completes when they are gone.
  Task<void> end_commands(std::string app_id);
  Task<void> close();  // kills what is left and waits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bimodal::runtime

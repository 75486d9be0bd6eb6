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
#include "model/model.h"
#include "runtime/plain_input.h"
#include "sandbox/launcher.h"
#include "scheduler/launcher.h"

namespace bimodal::runtime {

// What a container in reserve can be given before it is known which one it is.
struct Reserve {
  std::size_t layers = 0;                  // so many of `layers`: those of the image and of the client
  std::map<std::string, std::string> env;  // without secrets
};

// Everything that a container needs besides its sockets. Made by `control` for each start.
struct ContainerPlan {
  std::vector<std::filesystem::path> layers;  // image, runtime layer, mounts; lowest first
  std::map<std::string, std::string> env;     // image ENV, secrets, MODAL_IMAGE_ID, MODAL_ENVIRONMENT, PYTHONPATH …
  std::string workdir = "/root";
  std::string user;
  std::string arguments;  // serialized modal.client.ContainerArguments
  std::string python = "python";
  std::optional<Reserve> reserve;  // none: each container has to be started from the beginning
};

class Planner {
 public:
  virtual ~Planner() = default;
  virtual Task<Result<ContainerPlan>> plan(model::FunctionVersionPtr version, std::string task_id) = 0;
};

// Takes over an accepted connection of a container's API socket. Implemented by rpc.
class ApiConnections {
 public:
  virtual ~ApiConnections() = default;
  virtual void adopt(UniqueFd connection, std::string task_id) = 0;
};

using LogSink = std::function<void(model::LogEntry)>;

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
  // Inputs that the container is to cancel, as soon as there are some, but no later than `deadline`. Answers at once
  // for a container that has web requests only, and whose runner sees to that.
  virtual Task<std::vector<std::string>> cancelled_inputs(Deadline deadline) = 0;
  virtual void start_failed(StartFailure failure) = 0;
  // The user's stop_fetching_inputs(). The pool must be told as well (scheduler::Functions::stop_container, graceful):
  // running seats go on until it drains the container.
  virtual void stop_fetching() = 0;
};

struct StandbyInfo {
  std::string id, app_id;
  bool ready = false;
};

struct TaskInfo {
  std::string task_id, app_id, function_id;
  std::chrono::system_clock::time_point enqueued_at, started_at;  // started_at: epoch until warm
  bool draining = false;
};

struct ContainersConfig {
  std::filesystem::path home;  // run/<task>/ and upper directories live below
  std::chrono::milliseconds exit_grace = std::chrono::seconds(30);
  // How long after a container's first question its runner may take to greet. A real one has greeted before.
  std::chrono::milliseconds greeting_patience{0};
  std::chrono::milliseconds heartbeat_limit = std::chrono::seconds(60);  // a warm container without one longer is hung
  std::int64_t default_memory_bytes = 0;                              // limit when the function names none; 0: no limit
  int max_standbys = 0;                                               // containers in reserve at once, of all apps
  std::chrono::milliseconds standby_idle = std::chrono::minutes(10);  // an app without a start so long has none
};

class Containers : public scheduler::Launcher {
 public:
  // Removes what a killed daemon left below <home>/run.
  Containers(
      boost::asio::any_io_executor executor, sandbox::Launcher& sandboxes, Planner& planner, ApiConnections& api,
      LogSink logs, ContainersConfig config);
  ~Containers() override;

  Task<Result<std::shared_ptr<scheduler::Container>>> launch(model::FunctionVersionPtr version) override;

  // The app serves exactly `versions` from now on: one container in reserve for each image among them, made in the
  // background. With none, one is made when a container has started.
  void expect(const std::string& app_id, std::vector<model::FunctionVersionPtr> versions);
  // The app is stopped.
  void dismiss(const std::string& app_id);

  std::shared_ptr<Session> session(const std::string& task_id) const;  // null when gone
  std::vector<TaskInfo> list() const;
  std::vector<StandbyInfo> standbys() const;
  Task<void> close();  // kills what is left and waits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bimodal::runtime

// What the scheduler needs from whoever starts containers. `runtime` implements it; tests use FakeLauncher.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "async/deadline.h"
#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "model/model.h"

namespace bimodal::scheduler {

enum class ExitKind { Finished, Failed, Signalled, OutOfMemory };

struct ContainerExit {
  ExitKind kind = ExitKind::Finished;
  std::string reason;  // one line, empty when Finished
};

// A warm container: global scope imported, every @enter done, the runner listening. Loop-bound (control loop), but for
// connect(), and task_id() and web_socket(), which never change.
class Container {
 public:
  virtual ~Container() = default;
  virtual const std::string& task_id() const = 0;
  virtual const std::string& web_socket() const = 0;  // path of the Unix socket that speaks wire frames
  // Any loop; completes on the caller's. A TCP connection to that port inside the container. Unavailable when nobody
  // listens there.
  virtual Task<Result<UniqueFd>> connect(std::uint16_t port, Deadline deadline);
  virtual void drain() = 0;  // finish running requests, run exit handlers, go; SIGKILL after the grace time
  virtual void kill() = 0;
  virtual Task<ContainerExit> wait_exit() = 0;  // callable many times
  // From now on `told` hears when the container stalls (true: its event loop answers nothing) and when it goes on
  // (false). One listener.
  virtual void on_stall(std::function<void(bool stalled)> told) {}
};

class Launcher {
 public:
  virtual ~Launcher() = default;
  // Completes when the container is warm. Fails with a one-line reason (no traceback) when it can't be started or
  // isn't warm within version->startup_timeout: with Aborted when a signal ended it that nobody here sent, so that
  // another start may go better. Cancelling the coroutine kills the container.
  virtual Task<Result<std::shared_ptr<Container>>> launch(model::FunctionVersionPtr version) = 0;
};

}  // namespace bimodal::scheduler

// What the scheduler needs from whoever starts containers. `runtime` implements it; tests use FakeLauncher.
#pragma once

#include <cstdint>
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

// When a container's start reached its stages: nanoseconds of the steady clock, 0 for what nobody told.
struct StartTimes {
  std::int64_t asked = 0;     // somebody wanted it
  std::int64_t running = 0;   // its process runs, in its own root
  std::int64_t imported = 0;  // the user's module is imported
  std::int64_t warm = 0;      // every @enter is done
};

// The phases of a start, in nanoseconds. `import` includes what @enter took when nobody told when it was over.
struct StartPhases {
  std::int64_t sandbox = 0, import = 0, enter = 0;
  std::string text() const;  // "sandbox=1.2;import=3.4;enter=0.0", in milliseconds
};
StartPhases phases_of(const StartTimes& times);

// A warm container: global scope imported, every @enter done, the runner listening. Loop-bound (control loop), but for
// connect() and note_cold_start(), and task_id(), web_socket() and start_times(), which never change.
class Container {
 public:
  virtual ~Container() = default;
  virtual const std::string& task_id() const = 0;
  virtual const std::string& web_socket() const = 0;  // path of the Unix socket that speaks wire frames
  // Any loop; completes on the caller's. A TCP connection to that port inside the container. Unavailable when nobody
  // listens there.
  virtual Task<Result<UniqueFd>> connect(std::uint16_t port, Deadline deadline);
  virtual const StartTimes& start_times() const;  // all 0 unless overridden
  // Any thread. What a request that waited for this start took, as the header bimodal-cold-start has it: the first goes
  // into the app's log.
  virtual void note_cold_start(std::string phases);
  virtual void drain() = 0;  // finish running requests, run exit handlers, go; SIGKILL after the grace time
  virtual void kill() = 0;
  virtual Task<ContainerExit> wait_exit() = 0;  // callable many times
  // From now on `told` hears when the container stalls (true: its event loop answers nothing) and when it goes on
  // (false). One listener.
  virtual void on_stall(std::function<void(bool stalled)> told) {}
  // From now on `was_used` tells, from any thread, whether it had a request inside since that was asked last. One.
  virtual void set_use(std::function<bool()> was_used) {}
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

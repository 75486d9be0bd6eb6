// The daemon, put together: every module's object in the order of their dependencies, started and stopped as one.
//
// Lives on the thread that made it, which runs the control loop. Gateway loops have threads of their own.
#pragma once

#include <functional>
#include <memory>

#include "async/loop.h"
#include "base/result.h"
#include "sandbox/launcher.h"
#include "server/config.h"
#include "server/state_files.h"

namespace bimodal::server {

class Daemon {
 public:
  // Takes over `launcher`, forked before any thread. The home is ours (HomeLock) by now.
  Daemon(Config config, Token token, sandbox::LauncherProcess launcher);
  ~Daemon();

  // Binds, recovers what was published, answers. Fails with a one-line cause and remedy; stop() still has to follow.
  Task<Result<DaemonInfo>> start();
  // Refuses new work, lets running requests finish for config.drain, then ends everything.
  Task<void> stop();

  Loop& control_loop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bimodal::server

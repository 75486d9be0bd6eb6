// The daemon, put together: every module's object in the order of their dependencies, started and stopped as one.
//
// Lives on the thread that made it, which runs the control loop. Gateway loops have threads of their own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "async/loop.h"
#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/launcher.h"
#include "server/config.h"
#include "server/hand_over.h"
#include "server/state_files.h"

namespace bimodal::server {

// What a daemon gets from the one that it takes over from.
struct Inherited {
  UniqueFd api;                   // listening; none: this daemon binds its own, as for the gateway
  std::vector<UniqueFd> web;      // the same
  std::vector<UniqueFd> https;    // the same
  std::string ticket_keys;        // of TLS sessions; secret; empty: none
  std::string admin;              // its address, which both daemons have for a moment
  std::vector<std::string> warm;  // functions that had warm containers, and get one before open()
};

class Daemon {
 public:
  // Takes over `launcher`, forked before any thread. The home is ours (HomeLock) by now.
  Daemon(Config config, Token token, sandbox::LauncherProcess launcher);
  ~Daemon();

  // Binds, recovers what was published. Fails with a one-line cause and remedy; stop() still has to follow.
  Task<Result<void>> start(Inherited inherited);
  // Answers, from now on.
  Result<DaemonInfo> open();
  // Refuses new work, lets running requests finish for config.drain, then ends everything.
  Task<void> stop();

  // --- while another daemon takes over (hand_over.h) ---

  // Nothing of the state is changed any more; web requests and containers go on. Plain inputs that run may end before,
  // for config.drain. Gives copies of what this daemon listens on.
  Task<Result<Inherited>> give();
  // It doesn't take over: all goes on as before.
  Task<void> take_back();
  // It has: clients, callers between two requests and log lines are its own from now on. stop() has to follow.
  void leave_to(std::shared_ptr<HandOverChannel> successor);

  // Takes what the daemon before has left to this one, until that ends, for which stop() waits. After open().
  void follow(std::shared_ptr<HandOverChannel> predecessor);

  Loop& control_loop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bimodal::server

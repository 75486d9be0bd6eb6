// One daemon after the other: the talk of hand_over.h, on either side.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.h"
#include "server/daemon.h"
#include "server/hand_over.h"
#include "server/state_files.h"

namespace bimodal::server {

// The daemon that this one takes over from.
struct Predecessor {
  std::shared_ptr<HandOverChannel> channel;
  int pid = 0;
  int generation = 0;
  std::string api, web, admin, https;  // as bound
};

// Greets the daemon of that home. Blocks for at most 5 s. Nothing when there is none.
Result<std::optional<Predecessor>> meet_predecessor(const std::filesystem::path& home);

// A generation for a launcher beside those of `spared`. ResourceExhausted when each is in use.
Result<int> free_generation(const std::vector<int>& spared);

// Where a daemon is to listen, as configured; empty: not at all.
struct Places {
  std::string api, web, admin, https;
};

// Asks for the state. Sockets that listen elsewhere than at `places` are not inherited.
Task<Result<Inherited>> inherit(Predecessor predecessor, Places places);
// This daemon could answer: takes the home.
Task<Result<HomeLock>> take_home(Predecessor predecessor, std::filesystem::path home);

// What a daemon that another one takes over from still has of its own.
struct Tenure {
  std::filesystem::path home;
  int generation = 0;
  DaemonInfo info;
  std::optional<HomeLock> lock;
  std::optional<RecordLock> draining;  // in place of it, from then on
};

// Completes when another daemon has taken over from `daemon`; those that fail to are logged, and all goes on.
Task<void> await_successor(Daemon& daemon, Tenure& tenure);

}  // namespace bimodal::server

// Tells the launchers of one home apart. A daemon that takes over from another one starts sandboxes while those of the
// other still end; so that nothing of theirs meets, each launcher of a home that runs is of another generation.
#pragma once

#include <vector>

#include "sandbox/launcher.h"

namespace bimodal::sandbox {

inline constexpr int kGenerations = 4;

struct Generation {
  int number = 0;           // below kGenerations
  std::vector<int> spared;  // those whose launchers may run on; what launchers of others left is removed
};

// As fork_launcher(config), which is for the only launcher of a home.
Result<LauncherProcess> fork_launcher(const LauncherConfig& config, const Generation& generation);

}  // namespace bimodal::sandbox

// Memory, cpu and pids limits of sandboxes, by whichever cgroup version the host has.
//
// Every sandbox gets a directory of its own below one parent per home: with version 1 one in each of three hierarchies,
// with version 2 a single one. In the launcher only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/home_tag.h"
#include "sandbox/launcher.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

enum class CgroupVersion { None, One, Two };

// Where the parents of a home go.
struct CgroupLayout {
  CgroupVersion version = CgroupVersion::None;
  std::filesystem::path memory, cpu, pids;  // version 2: all the same
  std::string missing;                      // why `version` is None
};

// From the texts of /proc/self/mounts and /proc/self/cgroup. Version 1 wins where both are mounted and the controllers
// are with it (a "hybrid" host).
CgroupLayout find_cgroups(std::string_view mounts, std::string_view self, const std::string& name, Privilege privilege);

// The same for this process; checks that the directories can be made.
CgroupLayout find_cgroups(const HomeTag& tag, Privilege privilege);

// Which of Limits nothing holds for this process's sandboxes, and why, in half a sentence; empty when all are held. Not
// empty only for an ordinary user without a delegated cgroup.
std::string unenforced_limits(const std::filesystem::path& home);

class Cgroups {
 public:
  explicit Cgroups(CgroupLayout layout) : layout_(std::move(layout)) {}

  // Makes the parents after removing, with what still runs in it, whatever an earlier launcher left there.
  Result<void> prepare();
  void release();

  // One sandbox's directories; none where the host has no cgroups.
  Result<std::vector<std::filesystem::path>> make(const std::string& name) const;

  // Sets the limits of the sandbox whose directories make() returned. FailedPrecondition when a memory or cpu limit
  // is asked for and the host has no cgroups.
  Result<void> limit(const std::vector<std::filesystem::path>& directories, const Limits& limits) const;

  // Version 2: a descriptor to clone into, so that the child never has to move. Version 1: none.
  Result<UniqueFd> open_for_clone(const std::vector<std::filesystem::path>& directories) const;

  // How many processes the kernel killed there for want of memory.
  std::int64_t oom_kills(const std::vector<std::filesystem::path>& directories) const;

  const CgroupLayout& layout() const { return layout_; }

 private:
  std::vector<std::filesystem::path> parents() const;
  CgroupLayout layout_;
};

// Moves this process into the directories.
Result<void> join_cgroups(const std::vector<std::filesystem::path>& cgroups);

// The same with another process.
Result<void> move_into_cgroups(const std::vector<std::filesystem::path>& cgroups, int pid);

// Kills what runs in the directory and removes it; waits up to a second for the last process.
void remove_cgroup(const std::filesystem::path& cgroup);

}  // namespace bimodal::sandbox

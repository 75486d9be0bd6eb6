// The volumes of one container: mounts them, commits what it changed, and shows it what others have committed.
//
// What a container writes lies in an upper directory of its own until it is committed: when it asks, every
// kBackgroundPause, and when it has ended. Loop-bound.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/result.h"
#include "runtime/volume.h"
#include "sandbox/launcher.h"

namespace bimodal::runtime {

class VolumeMounts {
 public:
  static constexpr std::chrono::seconds kBackgroundPause{10};

  // Upper directories are made below `directory`.
  VolumeMounts(std::vector<PlannedVolume> volumes, std::filesystem::path directory);

  bool empty() const { return mounts_.empty(); }
  // For the sandbox's Spec.
  std::vector<sandbox::VolumeMount> specs() const;

  // FailedPrecondition when the container doesn't mount that volume.
  Task<Result<void>> commit(std::string volume_id);
  // The same, and when something inside has a file of the volume open. Commits what the container changed, too.
  Task<Result<void>> reload(std::string volume_id, std::shared_ptr<sandbox::Sandbox> sandbox);
  // The same with all of them.
  Task<Result<void>> reload_all(std::shared_ptr<sandbox::Sandbox> sandbox);

  // Until it is cancelled: commits every kBackgroundPause. Failures are logged.
  Task<void> commit_in_background();
  // Once the sandbox has ended. The first failure, after trying all.
  Task<Result<void>> commit_all();

 private:
  struct Mount {
    PlannedVolume planned;
    std::filesystem::path upper;
    int generation = 0;  // counts reloads
    bool reloading = false;
  };
  std::filesystem::path upper_of(std::size_t index, int generation) const;
  sandbox::VolumeMount spec_of(const Mount& mount) const;
  Task<Result<bool>> reload_once(Mount& mount, std::shared_ptr<sandbox::Sandbox> sandbox);
  Task<Result<void>> reload_mount(Mount& mount, std::shared_ptr<sandbox::Sandbox> sandbox);

  std::vector<Mount> mounts_;  // constant in number
  const std::filesystem::path directory_;
};

}  // namespace bimodal::runtime

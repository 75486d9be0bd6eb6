#include "runtime/volume_mounts.h"

#include <fmt/format.h>

#include "async/pulse.h"
#include "base/log.h"

namespace bimodal::runtime {

namespace {

// How often a reload starts anew because the container wrote while it was under way.
constexpr int kMaxReloads = 3;

tl::unexpected<Error> not_mounted(const std::string& volume_id) {
  return error(
      Code::FailedPrecondition,
      "this container doesn't mount volume {}: name it in the function's volumes=", volume_id);
}

struct Mark {
  bool& flag;
  explicit Mark(bool& flag) : flag(flag) { flag = true; }
  ~Mark() { flag = false; }
};

}  // namespace

VolumeMounts::VolumeMounts(std::vector<PlannedVolume> volumes, std::filesystem::path directory)
    : directory_(std::move(directory)) {
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    mounts_.push_back({.planned = std::move(volumes[i]), .upper = upper_of(i, 0)});
  }
}

std::filesystem::path VolumeMounts::upper_of(std::size_t index, int generation) const {
  return directory_ / fmt::format("volume-{}-{}", index, generation);
}

sandbox::VolumeMount VolumeMounts::spec_of(const Mount& mount) const {
  return {*mount.planned.tree, mount.upper, mount.planned.target, mount.planned.read_only};
}

std::vector<sandbox::VolumeMount> VolumeMounts::specs() const {
  std::vector<sandbox::VolumeMount> specs;
  for (const Mount& mount : mounts_) specs.push_back(spec_of(mount));
  return specs;
}

Task<Result<void>> VolumeMounts::commit(std::string volume_id) {
  bool mounted = false;
  for (Mount& mount : mounts_) {
    if (mount.planned.volume->volume_id() != volume_id) continue;
    mounted = true;
    if (mount.planned.read_only) continue;
    CO_TRY_VOID(co_await mount.planned.volume->commit(mount.upper));
  }
  if (!mounted) co_return not_mounted(volume_id);
  co_return Result<void>();
}

Task<Result<void>> VolumeMounts::reload(std::string volume_id, std::shared_ptr<sandbox::Sandbox> sandbox) {
  bool mounted = false;
  for (Mount& mount : mounts_) {
    if (mount.planned.volume->volume_id() != volume_id) continue;
    mounted = true;
    if (mount.reloading) co_return error(Code::FailedPrecondition, "another reload of volume {} runs", volume_id);
    CO_TRY_VOID(co_await reload_mount(mount, sandbox));
  }
  if (!mounted) co_return not_mounted(volume_id);
  co_return Result<void>();
}

Task<Result<void>> VolumeMounts::reload_all(std::shared_ptr<sandbox::Sandbox> sandbox) {
  for (Mount& mount : mounts_) {
    if (mount.reloading) co_return error(Code::FailedPrecondition, "another reload of its volumes runs");
    CO_TRY_VOID(co_await reload_mount(mount, sandbox));
  }
  co_return Result<void>();
}

Task<Result<void>> VolumeMounts::reload_mount(Mount& mount, std::shared_ptr<sandbox::Sandbox> sandbox) {
  Mark mark(mount.reloading);
  for (int round = 0; round < kMaxReloads; ++round) {
    CO_TRY(bool again, co_await reload_once(mount, sandbox));
    if (!again) break;
  }
  co_return Result<void>();
}

// True when the container wrote something between the commit and the change of the mount: it is committed, but the new
// mount lacks it.
Task<Result<bool>> VolumeMounts::reload_once(Mount& mount, std::shared_ptr<sandbox::Sandbox> sandbox) {
  Volume& volume = *mount.planned.volume;
  if (!mount.planned.read_only) CO_TRY_VOID(co_await volume.commit(mount.upper));
  CO_TRY(Volume::Tree newest, co_await volume.newest());
  if (newest == mount.planned.tree) co_return false;

  const auto index = static_cast<std::size_t>(&mount - mounts_.data());
  Mount next = mount;
  next.planned.tree = std::move(newest);
  next.upper = upper_of(index, ++mount.generation);
  auto changed = co_await sandbox->remount(spec_of(next));
  if (!changed) {
    co_await volume.forget(next.upper);
    co_return tl::unexpected<Error>(changed.error());
  }
  const std::filesystem::path old = std::exchange(mount.upper, next.upper);
  const Volume::Tree unused = std::exchange(mount.planned.tree, next.planned.tree);
  bool late = false;
  if (!mount.planned.read_only) {
    CO_TRY(late, co_await volume.commit(old));
  }
  co_await volume.forget(old);
  co_return late;
}

Task<void> VolumeMounts::commit_in_background() {
  std::string last;
  while (co_await sleep_until(Deadline::after(kBackgroundPause))) {
    for (Mount& mount : mounts_) {
      if (mount.planned.read_only || !mount.planned.background_commits) continue;
      auto committed = co_await mount.planned.volume->commit(mount.upper);
      if (committed || committed.error().message == last) continue;
      last = committed.error().message;
      log::warning("volume {}: {}", mount.planned.volume->volume_id(), last);
    }
  }
}

Task<Result<void>> VolumeMounts::commit_all() {
  Result<void> all;
  for (Mount& mount : mounts_) {
    if (mount.planned.read_only || !mount.planned.background_commits) continue;
    auto committed = co_await mount.planned.volume->commit(mount.upper);
    if (!committed && all) all = tl::unexpected<Error>(committed.error());
  }
  co_return all;
}

}  // namespace bimodal::runtime

#include "sandbox/volume_mount.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "sandbox/growth.h"
#include "sandbox/mounts.h"
#include "sandbox/root_filesystem.h"
#include "sandbox/short_names.h"

namespace bimodal::sandbox {

namespace {

// A detached overlay. The working directory is the scratch filesystem.
Result<UniqueFd> make_overlay(const VolumeMount& volume, std::size_t index, ShortNames& names, Privilege privilege) {
  const std::string lower = fmt::format("v{}l", index), upper = fmt::format("v{}u", index);
  const std::string work = fmt::format("v{}w", index);
  TRY_VOID(names.add(lower, volume.lower));
  TRY_VOID(names.add(upper, volume.upper));
  TRY_VOID(names.add(work, work_directory(volume.upper)));
  const std::uint64_t attributes =
      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (volume.read_only ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0);
  const bool root = privilege == Privilege::Root;
  // As for the root filesystem: fixed options, and syncing is the business of whoever keeps what is in `upper`.
  return new_mount(
      "overlay",
      {{"lowerdir", lower},
       {"upperdir", upper},
       {"workdir", work},
       {"index", "off"},
       {"metacopy", "off"},
       {"volatile", ""},
       {root ? "redirect_dir" : "userxattr", root ? "off" : ""}},
      attributes);
}

Result<UniqueFd> open_plainly(int at, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  UniqueFd found(static_cast<int>(::syscall(SYS_openat2, at, path.c_str(), &how, sizeof how)));
  if (found) return found;
  return error(Code::FailedPrecondition, "the directory {} of the container is gone", path);
}

Result<void> check(bool good, const char* what) {
  if (good) return {};
  return errno_error(errno, what);
}

// By name below a directory that was found without symbolic links: a descriptor of the mount itself would keep it busy.
Result<void> unmount(const std::string& name) {
  if (::umount2(name.c_str(), UMOUNT_NOFOLLOW) == 0) return {};
  if (errno == EBUSY) return error(Code::FailedPrecondition, "there are open files preventing the operation");
  if (errno == EINVAL || errno == ENOENT) return error(Code::FailedPrecondition, "no volume is mounted at {}", name);
  return errno_error(errno, "unmount " + name);
}

Result<UniqueFd> make_mount(const Reroot& reroot) {
  TRY_VOID(check(::unshare(CLONE_NEWNS) == 0, "new mount namespace"));
  TRY_VOID(check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts"));
  TRY_VOID(make_volume_uppers(reroot.spec));
  TRY_VOID(create_files_as(reroot.uid_base));
  TRY(UniqueFd scratch, mount_scratch(reroot.scratch));
  TRY_VOID(check(::fchdir(scratch.get()) == 0, "enter scratch directory"));
  ShortNames names("q", scratch.get(), reroot.user_namespace, reroot.privilege);
  return make_overlay(reroot.spec.volumes.at(0), 0, names, reroot.privilege);
}

}  // namespace

Result<void> make_volume_uppers(const Spec& spec) {
  for (const VolumeMount& volume : spec.volumes) {
    std::error_code failure;
    std::filesystem::create_directories(volume.upper, failure);
    if (!failure) std::filesystem::create_directories(work_directory(volume.upper), failure);
    if (failure) return error(Code::Internal, "upper directory {}: {}", volume.upper.native(), failure.message());
  }
  return {};
}

Result<void> mount_volumes(const Spec& spec, int scratch, int root, int user_namespace, Privilege privilege) {
  if (spec.volumes.empty()) return {};
  TRY_VOID(check(::fchdir(scratch) == 0, "enter scratch directory"));
  ShortNames names("q", scratch, user_namespace, privilege);
  for (std::size_t i = 0; i < spec.volumes.size(); ++i) {
    const VolumeMount& volume = spec.volumes[i];
    TRY(UniqueFd mount, make_overlay(volume, i, names, privilege));
    TRY(UniqueFd target, open_inside(root, volume.target, NodeKind::Directory));
    TRY_VOID(attach_mount(mount.get(), target.get(), volume.target));
  }
  return {};
}

Result<void> remount_volume(const Reroot& reroot) {
  TRY_VOID(check(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "parent death signal"));
  if (reroot.spec.volumes.size() != 1) return error(Code::InvalidArgument, "one volume at a time");
  const std::filesystem::path target(reroot.spec.volumes[0].target);
  TRY(UniqueFd mount, make_mount(reroot));
  TRY_VOID(check(::setns(reroot.init, CLONE_NEWNS) == 0, "enter the sandbox's mounts"));
  TRY(UniqueFd parent, open_plainly(AT_FDCWD, target.parent_path().native()));
  TRY_VOID(check(::fchdir(parent.get()) == 0, "enter the target's directory"));
  TRY_VOID(unmount(target.filename().native()));
  TRY(UniqueFd place, open_plainly(AT_FDCWD, target.filename().native()));
  return attach_mount(mount.get(), place.get(), target.native());
}

}  // namespace bimodal::sandbox

#include "sandbox/reroot.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include <cerrno>
#include <csignal>

#include "sandbox/etc_files.h"
#include "sandbox/growth.h"
#include "sandbox/mounts.h"
#include "sandbox/root_filesystem.h"
#include "sandbox/volume_mount.h"

namespace bimodal::sandbox {

namespace {

Result<void> check(bool good, const char* what) {
  if (good) return {};
  return errno_error(errno, what);
}

// The new root as a detached tree, built in this process's own mount namespace.
Result<UniqueFd> build_tree(const Reroot& reroot) {
  const Spec& spec = reroot.spec;
  TRY_VOID(check(::unshare(CLONE_NEWNS) == 0, "new mount namespace"));
  TRY_VOID(check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts"));
  TRY_VOID(make_upper(spec));
  TRY_VOID(make_volume_uppers(spec));
  Resolver resolver = host_resolver();
  TRY_VOID(create_files_as(reroot.uid_base));
  TRY(auto made, mount_root(spec, reroot.scratch, reroot.user_namespace, reroot.privilege));
  int root = made.root.get();
  TRY_VOID(mount_etc_files(made.scratch.get(), root, spec.hostname, reroot.address, spec.network, resolver));
  TRY_VOID(mount_binds(spec, root, reroot.user_namespace, reroot.privilege));
  TRY_VOID(mount_volumes(spec, made.scratch.get(), root, reroot.user_namespace, reroot.privilege));
  return clone_tree(root, "");
}

// Takes the mounts at `path` of the sandbox's old root along.
Result<void> bring(UniqueFd tree, int root, const std::string& path) {
  TRY(UniqueFd target, open_inside(root, path, NodeKind::Directory));
  return attach_mount(tree.get(), target.get(), path);
}

}  // namespace

Result<void> reroot(const Reroot& reroot) {
  TRY_VOID(check(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "parent death signal"));
  TRY(UniqueFd root, build_tree(reroot));
  TRY_VOID(check(::setns(reroot.init, CLONE_NEWNS) == 0, "enter the sandbox's mounts"));
  // Both are mount points: nobody inside can put something else in their place.
  TRY(UniqueFd proc, clone_tree(AT_FDCWD, "/proc"));
  TRY(UniqueFd dev, clone_tree(AT_FDCWD, "/dev"));
  TRY(UniqueFd place, find_inside(AT_FDCWD, "/proc"));
  TRY_VOID(attach_mount(root.get(), place.get(), "the new root"));
  TRY_VOID(bring(std::move(proc), root.get(), "/proc"));
  TRY_VOID(bring(std::move(dev), root.get(), "/dev"));
  return enter_root(root.get());
}

}  // namespace bimodal::sandbox

#include "sandbox/root_filesystem.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/mounts.h"
#include "sandbox/short_names.h"

namespace bimodal::sandbox {

namespace fs = std::filesystem;

namespace {

// Fixed options, so that the host's module parameters don't matter. `volatile`: syncing is the business of whoever
// keeps the upper directory; without it the end of every sandbox would sync the whole disk.
std::string overlay_options(std::size_t layers, Privilege privilege) {
  std::string options = "lowerdir=";
  for (std::size_t i = layers; i > 0; --i) options += fmt::format("l{}{}", i - 1, i > 1 ? ":" : "");
  options += ",upperdir=upper,workdir=work,index=off,metacopy=off,volatile";
  options += privilege == Privilege::Root ? ",redirect_dir=off" : ",userxattr";
  return options;
}

}  // namespace

fs::path work_directory(const fs::path& upper) {
  fs::path path = upper.has_filename() ? upper : upper.parent_path();
  return path.native() + ".work";
}

Result<UniqueFd> mount_scratch(const fs::path& place) {
  TRY(UniqueFd target, open_inside(AT_FDCWD, place.native(), NodeKind::Directory));
  TRY(UniqueFd mount, new_mount(
                          "tmpfs", {{"size", "1m"}, {"nr_inodes", "2048"}, {"mode", "0755"}},
                          MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  TRY_VOID(attach_mount(mount.get(), target.get(), place.native()));
  return mount;
}

Result<RootFilesystem> mount_root(const Spec& spec, const fs::path& scratch, int user_namespace, Privilege privilege) {
  RootFilesystem made;
  TRY(made.scratch, mount_scratch(scratch));
  if (::fchdir(made.scratch.get()) != 0) return errno_error(errno, "enter scratch directory");

  ShortNames names("p", made.scratch.get(), user_namespace, privilege);
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    TRY_VOID(names.add(fmt::format("l{}", i), spec.layers[i]));
  }
  TRY_VOID(names.add("upper", spec.upper));
  TRY_VOID(names.add("work", work_directory(spec.upper)));

  if (::mkdirat(made.scratch.get(), "root", 0755) != 0) return errno_error(errno, "make root directory");
  std::string options = overlay_options(spec.layers.size(), privilege);
  // MS_NODEV: a layer may hold device nodes, and the overlay belongs to the host's root.
  if (::mount("overlay", "root", "overlay", MS_NODEV, options.c_str()) != 0) {
    return error(
        Code::Internal, "overlay mount of {} layers on {}: {}", spec.layers.size(), spec.upper.native(),
        std::strerror(errno));
  }
  made.root.reset(::open("root", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!made.root) return errno_error(errno, "open root");
  return made;
}

Result<void> mount_binds(const Spec& spec, int root, int user_namespace, Privilege privilege) {
  for (const auto& bind : spec.binds) {
    TRY(UniqueFd mount, clone_mount(AT_FDCWD, bind.source.native()));
    struct stat status{};
    if (::fstat(mount.get(), &status) != 0) return errno_error(errno, "stat " + bind.source.native());
    // Where the filesystem has no idmapped mounts, the files' owners stay the host's: readable if public.
    if (privilege == Privilege::Root) std::ignore = map_owners(mount.get(), user_namespace, bind.source.native());
    std::uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if (bind.read_only) attributes |= MOUNT_ATTR_RDONLY;
    TRY_VOID(restrict_mount(mount.get(), attributes));
    TRY(UniqueFd target,
        open_inside(root, bind.target, S_ISDIR(status.st_mode) ? NodeKind::Directory : NodeKind::File));
    TRY_VOID(attach_mount(mount.get(), target.get(), bind.target));
  }
  return {};
}

Result<void> enter_root(int root) {
  if (::fchdir(root) != 0) return errno_error(errno, "enter the new root");
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return errno_error(errno, "pivot_root");
  if (::umount2(".", MNT_DETACH) != 0) return errno_error(errno, "drop the old root");
  if (::chdir("/") != 0) return errno_error(errno, "enter the new root");
  return {};
}

}  // namespace bimodal::sandbox

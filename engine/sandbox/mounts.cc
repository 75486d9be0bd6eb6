#include "sandbox/mounts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bimodal::sandbox {

namespace {

// What the kernel wrote about the last failure of a filesystem context, e.g. "e overlay: …"; empty when nothing.
std::string context_message(int context) {
  char line[256];
  ssize_t got = ::read(context, line, sizeof line - 1);
  if (got <= 2) return {};
  return ": " + std::string(line + 2, static_cast<std::size_t>(got - 2));
}

tl::unexpected<Error> mount_error(int errnum, std::string_view type, int context) {
  return error(Code::Internal, "mount {}: {}{}", type, std::strerror(errnum), context_message(context));
}

Result<UniqueFd> open_at(int root, const std::string& path, std::uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  UniqueFd found(static_cast<int>(::syscall(SYS_openat2, root, name, &how, sizeof how)));
  if (found) return found;
  if (errno == ENOENT || errno == ENOTDIR) return error(Code::NotFound, "{}: {}", path, std::strerror(errno));
  return errno_error(errno, "open " + path);
}

Result<void> make_node(int directory, const std::string& name, NodeKind kind) {
  int failed = kind == NodeKind::Directory ? ::mkdirat(directory, name.c_str(), 0755)
                                           : ::mknodat(directory, name.c_str(), S_IFREG | 0644, 0);
  if (failed == 0 || errno == EEXIST) return {};
  return errno_error(errno, "make " + name);
}

Result<UniqueFd> clone(int at, const std::string& path, unsigned extent) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | extent | (path.empty() ? AT_EMPTY_PATH : 0);
  UniqueFd mount(::open_tree(at, path.c_str(), flags));
  if (!mount) return errno_error(errno, "open_tree " + path);
  return mount;
}

}  // namespace

Result<UniqueFd> new_mount(const char* type, std::initializer_list<MountOption> options, std::uint64_t attributes) {
  UniqueFd context(::fsopen(type, FSOPEN_CLOEXEC));
  if (!context) return errno_error(errno, std::string("fsopen ") + type);
  for (const auto& [key, value] : options) {
    int failed = value.empty() ? ::fsconfig(context.get(), FSCONFIG_SET_FLAG, key, nullptr, 0)
                               : ::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0);
    if (failed != 0) return mount_error(errno, std::string(type) + " option " + key, context.get());
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return mount_error(errno, type, context.get());
  }
  UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!mount) return mount_error(errno, type, context.get());
  return mount;
}

Result<UniqueFd> clone_mount(int at, const std::string& path) {
  return clone(at, path, 0);
}

Result<UniqueFd> clone_tree(int at, const std::string& path) {
  return clone(at, path, AT_RECURSIVE);
}

Result<void> restrict_mount(int mount, std::uint64_t attributes) {
  mount_attr change{};
  change.attr_set = attributes;
  if (::mount_setattr(mount, "", AT_EMPTY_PATH, &change, sizeof change) == 0) return {};
  return errno_error(errno, "mount_setattr");
}

Result<void> map_owners(int mount, int user_namespace, std::string_view what) {
  mount_attr change{};
  change.attr_set = MOUNT_ATTR_IDMAP;
  change.userns_fd = static_cast<std::uint64_t>(user_namespace);
  if (::mount_setattr(mount, "", AT_EMPTY_PATH, &change, sizeof change) == 0) return {};
  if (errno == EINVAL) {
    return error(
        Code::FailedPrecondition,
        "idmapped mount of {}: its filesystem has none; keep the home directory on ext4, xfs or btrfs", what);
  }
  return errno_error(errno, "idmapped mount of " + std::string(what));
}

Result<void> attach_mount(int mount, int target, std::string_view what) {
  if (::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0) return {};
  return errno_error(errno, "mount onto " + std::string(what));
}

Result<UniqueFd> find_inside(int root, const std::string& path) {
  return open_at(root, path, O_PATH);
}

Result<UniqueFd> open_inside(int root, const std::string& path, NodeKind kind) {
  std::uint64_t flags = kind == NodeKind::Directory ? O_PATH | O_DIRECTORY : O_PATH;
  auto found = open_at(root, path, flags);
  if (found || found.error().code != Code::NotFound) return found;

  std::size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return found;
  std::size_t slash = path.rfind('/', end);
  std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1, end - (slash + 1) + 1);
  TRY(UniqueFd directory, open_inside(root, parent, NodeKind::Directory));
  TRY_VOID(make_node(directory.get(), name, kind));
  return open_at(root, path, flags);
}

}  // namespace bimodal::sandbox

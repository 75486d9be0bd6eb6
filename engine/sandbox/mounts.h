// Thin, checked wrappers of the descriptor-based mount calls: fsopen(2), open_tree(2), move_mount(2), mount_setattr(2),
// openat2(2). For the single-threaded child that sets a sandbox up.
#pragma once

#include <sys/mount.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::sandbox {

struct MountOption {
  const char* key;
  std::string value;  // empty: a flag
};

// A new, detached mount of a `type` filesystem. `attributes`: MOUNT_ATTR_….
Result<UniqueFd> new_mount(const char* type, std::initializer_list<MountOption> options, std::uint64_t attributes);

// A detached copy of the mount at `path` below the directory `at` (AT_FDCWD: the working directory), without what is
// mounted below it. An empty `path` copies what the descriptor `at` names.
Result<UniqueFd> clone_mount(int at, const std::string& path);

// The same with everything that is mounted below it.
Result<UniqueFd> clone_tree(int at, const std::string& path);

// Adds `attributes` (MOUNT_ATTR_RDONLY, …) to a mount.
Result<void> restrict_mount(int mount, std::uint64_t attributes);

// Shows the files of a detached mount with the owners that `user_namespace` maps them to. FailedPrecondition when the
// filesystem has no idmapped mounts.
Result<void> map_owners(int mount, int user_namespace, std::string_view what);

// Hangs the detached `mount` onto `target`, an O_PATH descriptor of a directory or file.
Result<void> attach_mount(int mount, int target, std::string_view what);

enum class NodeKind { Directory, File };

// An O_PATH descriptor of `path` inside the tree at `root`; symbolic links resolve inside that tree, never through
// /proc's magic links. Missing directories and a missing last component are made, owned by the caller's fsuid.
Result<UniqueFd> open_inside(int root, const std::string& path, NodeKind kind);

// The same without making anything: NotFound when it doesn't exist.
Result<UniqueFd> find_inside(int root, const std::string& path);

}  // namespace bimodal::sandbox

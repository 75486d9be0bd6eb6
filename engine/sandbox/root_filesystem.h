// The sandbox's root: an overlay of the read-only layers with the private upper directory on top.
//
// On a root host every directory is seen through an idmapped mount: files are owned by 0… on disk and by 0… inside,
// whatever the sandbox's range is, so that an upper directory can become a layer as it is.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/launcher.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

// The overlay's work directory of an upper directory: beside it, because both must be on one mount.
std::filesystem::path work_directory(const std::filesystem::path& upper);

// A small private tmpfs over the directory `place`, in the calling process's own mount namespace.
Result<UniqueFd> mount_scratch(const std::filesystem::path& place);

struct RootFilesystem {
  UniqueFd scratch;  // a small private tmpfs; its files live as long as they are mounted somewhere
  UniqueFd root;     // O_PATH directory, the new root
};

// Builds it in the calling process's own mount namespace, over the directory `scratch`. The caller must have its fsuid
// inside the range and every capability.
Result<RootFilesystem> mount_root(
    const Spec& spec, const std::filesystem::path& scratch, int user_namespace, Privilege privilege);

// Mounts Spec::binds into the new root.
Result<void> mount_binds(const Spec& spec, int root, int user_namespace, Privilege privilege);

// Makes `root` the root of the calling process and drops the old one.
Result<void> enter_root(int root);

}  // namespace bimodal::sandbox

// Volumes in a sandbox: each an overlay of a read-only directory and a private upper one, at a place of its own.
//
// In a child of the launcher, with every capability and its fsuid inside the sandbox's range.
#pragma once

#include <vector>

#include "base/result.h"
#include "sandbox/launcher.h"
#include "sandbox/reroot.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

// Makes the upper and work directories. Before the fsuid changes.
Result<void> make_volume_uppers(const Spec& spec);

// Mounts Spec::volumes into the new root; `scratch` is the scratch filesystem that the root was made with.
Result<void> mount_volumes(const Spec& spec, int scratch, int root, int user_namespace, Privilege privilege);

// Puts the only volume of `reroot.spec` in the place of the one that is mounted at its target in the running sandbox.
// In a process of its own, which must end afterwards. FailedPrecondition when something inside has a file of the old
// one open; it stays then. The way to the target is followed without symbolic links: user code can't lead this to
// another mount.
Result<void> remount_volume(const Reroot& reroot);

}  // namespace bimodal::sandbox

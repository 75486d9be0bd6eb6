// Gives a running sandbox another root filesystem: the layers, upper directory and binds of a new Spec.
//
// Every process inside whose root was the old one sees the new one from then on; working directories and open files
// stay in the old tree, which goes with the last of them. /proc and /dev move along as they are. In a child of the
// launcher, which joins nothing of the sandbox but its mount namespace: nobody inside sees it or can reach it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "sandbox/launcher.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

struct Reroot {
  const Spec& spec;  // name, hostname, layers, upper, binds and network count
  Privilege privilege = Privilege::Root;
  std::uint32_t uid_base = 0;
  int user_namespace = -1;
  std::string address;            // eth0's
  std::filesystem::path scratch;  // an empty directory to mount over
  int init = -1;                  // pidfd of the sandbox's init
};

// In a process of its own, which must end afterwards: it has changed its mount namespace and its fsuid. When it fails,
// the sandbox has its old root, or at worst the new tree over /proc: it is to be killed.
Result<void> reroot(const Reroot& reroot);

}  // namespace bimodal::sandbox

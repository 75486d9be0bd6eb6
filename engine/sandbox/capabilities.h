// Which capabilities a profile's root has inside its user namespace. None of them reaches beyond it: mounts, network,
// pids and the rest belong to the host's user namespace.
#pragma once

#include <linux/capability.h>

#include <cstdint>

#include "sandbox/launcher.h"

namespace bimodal::sandbox {

// A mask of CAP_… bits. Build: what dpkg, apt, pip, useradd and su need to own and switch between the image's users.
constexpr std::uint64_t capabilities_of(Profile profile) {
  if (profile == Profile::Container) return 0;
  // To make namespaces of its own, and to give that up for good in what it forks. No CAP_NET_ADMIN, CAP_NET_RAW or
  // CAP_SETUID: in the new namespaces, too, there is nothing to set up.
  if (profile == Profile::Zygote) return std::uint64_t{1} << CAP_SYS_ADMIN | std::uint64_t{1} << CAP_SETPCAP;
  std::uint64_t mask = 0;
  for (int capability :
       {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_SETUID, CAP_SETGID, CAP_SETFCAP, CAP_KILL,
        CAP_SYS_CHROOT}) {
    mask |= std::uint64_t{1} << capability;
  }
  return mask;
}

}  // namespace bimodal::sandbox

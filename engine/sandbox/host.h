// What all sandboxes of one launcher share: ids to hand out, and what was prepared once.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/address_pool.h"
#include "sandbox/cgroups.h"
#include "sandbox/embryo.h"
#include "sandbox/generation.h"
#include "sandbox/home_tag.h"
#include "sandbox/launcher.h"
#include "sandbox/records.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

struct Host {
  Privilege privilege;
  HomeTag tag;
  Records records;
  UserRanges ranges;
  AddressPool addresses;
  Cgroups cgroups;
  std::uint32_t mtu = 1500;        // of the way out
  std::optional<Error> no_egress;  // why Network::Egress can't be had
  UniqueFd init;  // a sealed copy of bimodal-init: nobody inside can reach the file through /proc/1/exe
  UniqueFd container_filter, build_filter, zygote_filter;  // seccomp programs
  Nursery nursery;
  UniqueFd lock;  // one launcher per home and generation: a dying one finishes before the next begins
};

// Examines and prepares; removes what a killed launcher of this home left. Fails when no sandbox could ever start.
Result<Host> prepare_host(const LauncherConfig& config, const Generation& generation);

// Takes back what prepare_host() put on the machine.
void release_host(Host& host);

}  // namespace bimodal::sandbox

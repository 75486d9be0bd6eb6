// The last barriers, put up by init and by the user's process from inside: identity, capabilities, system calls.
//
// Each returns what failed, or nullptr; errno then says why.
#pragma once

#include <cstdint>
#include <string>

#include "user.h"

namespace bimodal::init {

// Takes every capability outside `kept` from the bounding set, for good.
const char* bound_capabilities(std::uint64_t kept);

// Leaves exactly those in `mask`.
const char* set_capabilities(std::uint64_t mask);

// Becomes `user`, then leaves exactly the capabilities in `kept` (none for anybody but root).
const char* become(const User& user, std::uint64_t kept);

// Sets no_new_privs.
const char* refuse_new_privileges();

// Loads a seccomp program: an array of sock_filter, as seccomp_export_bpf(3) writes it. Needs no_new_privs or
// CAP_SYS_ADMIN in the user namespace.
const char* filter_system_calls(std::string& program);

}  // namespace bimodal::init

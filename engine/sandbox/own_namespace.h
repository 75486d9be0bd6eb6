// How an ordinary user comes to sandboxes: the process makes itself root of a user namespace of its own.
//
// Inside, 0 is the user and 1…65535 are the user's subordinate ids (subuid(5)), so that image files keep their owners
// on disk. It gives no power over anything that wasn't the user's before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

inline constexpr std::uint32_t kSubordinateIds = 65'535;  // how many are needed, beside the user's own

// What the calling process can do: Root only as root of the host's own user namespace.
Privilege privilege_here();

// Moves the calling process, which must have one thread, into a new user and mount namespace as its root; does nothing
// when it is root already. FailedPrecondition, with the remedy, when this host doesn't let an ordinary user do so.
Result<void> enter_own_namespace();

// The first of the subordinate ids of a user, by name or number, in the text of subuid(5) or subgid(5); none when no
// line gives that user kSubordinateIds.
std::optional<std::uint32_t> subordinate_ids(std::string_view text, std::string_view name, std::uint32_t uid);

}  // namespace bimodal::sandbox

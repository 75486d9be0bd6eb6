// The descriptors of a child of the launcher, before it becomes another program.
#pragma once

#include <cstddef>
#include <vector>

#include "base/result.h"

namespace bimodal::sandbox {

// Closes every descriptor that isn't among `kept`.
void close_all_but(std::vector<int> kept);

// Makes wanted[0], wanted[1], … the descriptors 0, 1, … and closes all others. The first `inherited` stay open on exec,
// the rest don't.
Result<void> arrange_descriptors(std::vector<int> wanted, std::size_t inherited);

}  // namespace bimodal::sandbox

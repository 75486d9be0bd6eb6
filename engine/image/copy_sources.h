// Finds what a COPY source names in the build context. Pure; thread-safe.
#pragma once

#include <string>
#include <vector>

#include "image/plan.h"

namespace bimodal::image {

// `source` is relative to the context's root whether it starts with a slash or not; `*`, `?` and `[…]` match within
// one component. Empty when nothing matches.
std::vector<CopySource> find_sources(const Context& context, const std::string& source);

}  // namespace bimodal::image

// Header names that most requests carry, as ready-made bytes objects.
#pragma once

#include <string_view>

#include "py.h"

namespace bimodal::runner {

// Once, when the module is imported. False with a Python error set.
bool make_header_names();

// `name` as bytes: a shared object for a known name, else a new one. Null with a Python error set.
Ref header_name(std::string_view name);

}  // namespace bimodal::runner

// Request headers as ASGI wants them: a list of (name, value) tuples of bytes.
#pragma once

#include "py.h"
#include "wire/head.h"

namespace bimodal::runner {

// Once, when the module is imported. False with a Python error set.
bool make_header_names();

// A new list. Pairs that requests repeat, such as a browser's user agent, are shared tuples: nothing can change them.
// Null with a Python error set.
Ref header_list(const wire::Headers& headers);

}  // namespace bimodal::runner

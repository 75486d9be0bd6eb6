// The arguments of an input that is a web request on the client's own path. A pure function.
#pragma once

#include <string>

#include "wire/head.h"

namespace bimodal::control {

// ((scope,), {}) as the client unpickles it: positional and keyword arguments, with the ASGI scope of `head` (protocol
// §10.6). In pickle (protocol 4, PEP 3154) and not in CBOR, because applications may expect tuples where servers give
// tuples: pairs of headers, addresses. The lifespan's state is added by the client.
std::string web_arguments(const wire::RequestHead& head);

}  // namespace bimodal::control

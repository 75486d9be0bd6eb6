// Builds the ASGI scope of a request from its head.
#pragma once

#include "py.h"
#include "wire/head.h"

namespace bimodal::runner {

// Makes what all scopes share; once, when the module is imported. False with a Python error set.
bool make_scope_templates();

// The scope of an HTTP request or a WebSocket (ASGI 3.0, spec version 2.4), with its own copy of `state`, the
// dictionary that the lifespan filled. Null with a Python error set.
Ref make_scope(const wire::RequestHead& head, PyObject* state);

}  // namespace bimodal::runner

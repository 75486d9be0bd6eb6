// Builds the environ of a WSGI request (PEP 3333) from its head.
#pragma once

#include "py.h"
#include "wire/head.h"

namespace bimodal::runner {

bool make_variable_names();  // false with a Python error set

// Everything that the head says, on top of `common`, a dictionary: CGI's variables, HTTP_…, wsgi.url_scheme, and
// RAW_URI as other servers have it. wsgi.input and wsgi.errors are added by wsgi.py. Null with a Python error set. On the loop's thread
// only.
//
// A field whose name has an underscore is left out: it would pass for the one with a dash. Fields of one name are
// joined by a comma, cookies by a semicolon.
Ref make_environ(const wire::RequestHead& head, PyObject* common);

}  // namespace bimodal::runner

// Builds the environ of a WSGI request (PEP 3333) from its head.
#pragma once

#include "py.h"
#include "wire/head.h"

namespace bimodal::runner {

// Everything that the head says: CGI's variables, HTTP_…, wsgi.url_scheme, and RAW_URI as other servers have it. What
// is the same for every request, and wsgi.input, are added by wsgi.py. Null with a Python error set.
//
// A field whose name has an underscore is left out: it would pass for the one with a dash. Fields of one name are
// joined by a comma, cookies by a semicolon.
Ref make_environ(const wire::RequestHead& head);

}  // namespace bimodal::runner

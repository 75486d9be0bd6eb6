// Encodes what an application says about its response.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "py.h"

namespace bimodal::runner {

// Appends the wire form of an http.response.start message to `out` and sets `trailers`. False with a Python error set
// when the message is not as the ASGI specification says.
bool encode_response_start(PyObject* message, std::string& out, bool& trailers);

// The same for what a WSGI application gives start_response(): "200 OK" and a list of pairs of texts. Sets `length` to
// a well-formed Content-Length.
bool encode_wsgi_start(PyObject* status, PyObject* headers, std::string& out, std::optional<std::uint64_t>& length);

// The same for the headers of an http.response.trailers message.
bool encode_trailers(PyObject* message, std::string& out);

// The same for a websocket.accept message.
bool encode_accept(PyObject* message, std::string& out);

}  // namespace bimodal::runner

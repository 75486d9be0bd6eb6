// What a request to a function behind proxy authorization brings along. Pure functions.
#pragma once

#include <string_view>

#include "http/request_head.h"

namespace bimodal::gateway {

// Whether the value of an Authorization field is a proxy token: Bearer wk-….ws-…
bool is_proxy_token(std::string_view authorization);

// Modal-Key and Modal-Secret, or a proxy token.
bool has_proxy_credentials(const http::RequestHead& head);

// A browser's question before the request proper, to which it can't add credentials (Fetch standard, CORS preflight).
bool is_preflight(const http::RequestHead& head);

}  // namespace bimodal::gateway

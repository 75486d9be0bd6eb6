// What a request to a function behind proxy authorization brings along. Pure functions.
#pragma once

#include <string_view>

#include "http/request_head.h"

namespace bimodal::gateway {

struct ProxyCredentials {
  enum class Form {
    None,       // neither form is there, or half of the first
    One,        // one form, once
    Ambiguous,  // both forms, a field twice, or something that no token can be
  };
  Form form = Form::None;
  std::string_view token_id;  // wk-…; into the head
  std::string_view secret;    // ws-…
};

// Modal-Key: wk-… and Modal-Secret: ws-…, or Authorization: Bearer wk-….ws-… (web-endpoints §4). Any other
// Authorization is the application's own.
ProxyCredentials proxy_credentials(const http::RequestHead& head);

// Whether the value of an Authorization field is a proxy token: such a field is never handed to the application.
bool is_proxy_token(std::string_view authorization);

// A browser's question before the request proper, to which it can't add credentials (Fetch standard, CORS preflight).
bool is_preflight(const http::RequestHead& head);

}  // namespace bimodal::gateway

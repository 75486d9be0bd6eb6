// Who a request really came from, where a trusted proxy in front of us says so. Pure.
//
// The rightmost address of X-Forwarded-For that isn't a trusted proxy's own: everything to the left of it was written
// by somebody whom nobody vouches for.
#pragma once

#include <optional>
#include <string>

#include "http/address.h"
#include "http/networks.h"
#include "http/request_head.h"

namespace bimodal::gateway {

struct Origin {
  http::Address address;      // its port is 0 where the proxies didn't say it
  std::string host;           // the address as text
  std::optional<bool> https;  // what the caller spoke with the first of them, where that was said
};

// Nothing when `peer` isn't trusted or names nobody: it is the caller itself then.
std::optional<Origin> forwarded_origin(
    const http::RequestHead& head, const http::Address& peer, const http::Networks& trusted);

// Whether only a trusted proxy may say that; dropped when it comes from others. `name` in lower case.
bool is_forwarding_field(std::string_view name);

}  // namespace bimodal::gateway

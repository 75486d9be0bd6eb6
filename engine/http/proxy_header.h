// The PROXY protocol, version 2: what a load balancer in front of us says first on a connection, about who is behind it
// (haproxy's proxy-protocol.txt, §2.2). Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "http/address.h"

namespace bimodal::http {

inline constexpr std::size_t kProxyStart = 16;             // bytes by which its size is known
inline constexpr std::size_t kMaxProxyHeader = 16 + 2048;  // what is longer, extensions included, is refused

// The size of the whole header, of its first kProxyStart bytes. InvalidArgument when no header can begin so; fewer
// bytes than kProxyStart are refused as soon as they can't be its beginning, and are 0 till then.
Result<std::size_t> proxy_header_size(std::string_view start);

// Whose connection it is, of a whole header. Nothing: the load balancer's own (LOCAL), or one of a family that isn't
// IP. InvalidArgument.
Result<std::optional<Address>> proxied_address(std::string_view header);

}  // namespace bimodal::http

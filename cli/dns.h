// What DNS says about a name. Blocking.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace bimodal::cli {

struct DnsAnswer {
  std::vector<std::string> aliases;    // what the name is a CNAME for, in order
  std::vector<std::string> addresses;  // IPv4 and IPv6, as text
};

// Asks the resolver of the system, or the one at `resolver` ("1.1.1.1", "127.0.0.1:5353"; IPv4). A name that doesn't
// exist has no addresses. Unavailable when nobody answers within some seconds.
Result<DnsAnswer> look_up(const std::string& name, const std::string& resolver);

// Addresses of this host's interfaces, loopback apart.
std::vector<std::string> own_addresses();

}  // namespace bimodal::cli

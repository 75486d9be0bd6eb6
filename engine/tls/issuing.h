// Makes keys and certificates. Pure functions but for randomness; any thread. ECDSA with P-256 throughout.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"

namespace bimodal::tls {

// PEM.
struct KeyPair {
  std::string certificate;
  std::string key;
};

struct Validity {
  std::chrono::system_clock::time_point begins, ends;
};

// An authority that signs its own certificate and may sign those of servers, not of other authorities.
Result<KeyPair> make_authority(const std::string& name, Validity validity);

// A server's certificate, signed by `authority`. `names` are DNS names, wildcards included, and IP addresses. The PEM
// holds the leaf alone. InvalidArgument for what is neither.
Result<KeyPair> issue(const KeyPair& authority, const std::vector<std::string>& names, Validity validity);

}  // namespace bimodal::tls

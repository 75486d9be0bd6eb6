// The certificates' side of X.509: requests, what a chain says, and the one that answers TLS-ALPN-01. Any thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "acme/key.h"
#include "base/result.h"

namespace bimodal::acme {

using Time = std::chrono::system_clock::time_point;

// A certificate signing request for one DNS name, wildcards too, in DER (RFC 8555 §7.4).
std::string signing_request(const Key& key, const std::string& name);

struct ChainFacts {
  Time not_before, not_after;
  std::vector<std::string> names;  // DNS names, lower case
};

// What the first certificate of a PEM chain says. DataLoss when it isn't one, or when `key` isn't its.
Result<ChainFacts> read_chain(const std::string& chain_pem, const Key& key);

// A self-signed certificate in PEM for `name` with the digest of `key_authorization` (RFC 8737 §3).
std::string challenge_certificate(const Key& key, const std::string& name, const std::string& key_authorization);

}  // namespace bimodal::acme

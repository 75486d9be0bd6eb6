// The names at which this host answers, for `bimodal domain` and `bimodal status`. Control loop.
//
//   {"base_domain", "public_addresses": […], "acme": whether certificates are obtained,
//    "names": [{"name", "custom": bool, "app", "environment", "function", "certificate": "*.example.com" or ""}],
//    "certificates": [{"name", "state", "expires_at", "retry_at", "reason"}]}
//
// `certificate` is the name of the one that serves, or would; empty: none is ever obtained. Times are Unix seconds, 0:
// none.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace bimodal::control {
class Registry;
}

namespace bimodal::server {

class AcmeSource;

struct DomainAccount {
  const AcmeSource* acme = nullptr;  // null: nothing is obtained
  std::string base_domain;
  std::vector<std::string> public_addresses;
};

nlohmann::json domains_of(const control::Registry& registry, const DomainAccount& account);

}  // namespace bimodal::server

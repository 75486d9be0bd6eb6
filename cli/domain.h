// `bimodal domain`: the names at which apps answer, their certificates, and which DNS record a name lacks.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/dns.h"

namespace bimodal::cli {

struct DomainName {
  std::string name;
  bool custom = false;  // of custom_domains=; else the function's ordinary one
  std::string app, environment, function;
  std::string certificate;  // the name of the one that serves it; empty: none is obtained
};

struct CertificateStatus {
  std::string name;
  std::string state;                          // "unused", "ordering", "valid", "failing"
  std::int64_t expires_at = 0, retry_at = 0;  // Unix seconds
  std::string reason;                         // of the last failure
};

struct EdgeStatus {
  std::string base_domain;
  std::vector<std::string> public_addresses;  // as set; empty: none were
  bool acme = false;
  std::vector<DomainName> names;
  std::vector<CertificateStatus> certificates;
};

// Reads the daemon's account (server/domains.h); NotFound when no daemon answers, DataLoss for what isn't such.
Result<EdgeStatus> ask_edge(const std::filesystem::path& home);
Result<EdgeStatus> read_edge(const std::string& account);

// One line each; names of custom domains first.
std::string as_text(const EdgeStatus& edge);
std::string as_json(const EdgeStatus& edge);

// What is wrong with a name, and what to do. `addresses` are the host's. Empty: DNS leads here, and here alone.
std::vector<std::string> dns_findings(
    const std::string& name, const DnsAnswer& answer, const std::vector<std::string>& addresses,
    const std::string& base_domain);

struct DomainCheck {
  bool good = true;
  std::string text;  // for people, one finding a line
};

// Everything that can be said about `name`. `own` are the host's addresses when none are set.
DomainCheck check_domain(
    const EdgeStatus& edge, const std::string& name, const DnsAnswer& answer, const std::vector<std::string>& own);

// The name to look up for `name`: of a wildcard, one that it stands for.
std::string probe_of(const std::string& name);

}  // namespace bimodal::cli

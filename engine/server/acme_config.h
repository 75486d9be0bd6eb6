// What the daemon is told about automatic certificates: section [acme] of the settings.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "acme/answers.h"

namespace bimodal::server {

struct AcmeConfig {
  bool enabled = false;
  bool agree_terms = false;  // of the CA's, said by whoever runs the host
  std::string directory = "https://acme-v02.api.letsencrypt.org/directory";
  std::string email;
  std::filesystem::path ca_file;   // whom to trust as the CA's server; empty: the system's authorities
  std::filesystem::path dns_hook;  // empty: no DNS-01
  std::filesystem::path eab_file;  // key id and HMAC key of an account that was made elsewhere; empty: none
  std::vector<acme::ChallengeType> challenges;  // in this order; empty: all that are possible
  std::chrono::milliseconds validity{0};        // of certificates; 0: as the CA likes
};

}  // namespace bimodal::server

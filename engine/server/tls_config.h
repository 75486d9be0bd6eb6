// How callers get TLS; part of server::Config.
#pragma once

#include <string>
#include <vector>

#include "tls/certificate_files.h"

namespace bimodal::server {

struct TlsConfig {
  std::string address = "127.0.0.1:8443";
  std::vector<tls::CertificatePaths> files;
  bool own_authority = false;  // certificates of a development CA of the home's own

  // Whether there is anything to show callers.
  bool is_on() const { return !files.empty() || own_authority; }
};

}  // namespace bimodal::server

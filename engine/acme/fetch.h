// One HTTPS exchange with a CA. Blocking.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace bimodal::acme {

struct HttpRequest {
  enum class Method { Get, Head, Post };
  Method method = Method::Get;
  std::string url;
  std::string body;    // of a POST, application/jose+json
  std::string accept;  // media type; empty: any
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> fields;  // names in lower case; of several, the last
  std::string body;

  std::string field(const std::string& name) const;  // empty when there is none
};

// Unavailable when the server can't be reached or isn't trusted, Cancelled when it was stopped. Any thread.
using Fetch = std::function<Result<HttpResponse>(const HttpRequest&, std::stop_token)>;

// Over https only, no redirect followed, each at most 30 s and 1 MiB. Trusts the system's authorities, or those of
// `ca_file` (PEM) alone.
Fetch https_fetch(std::optional<std::filesystem::path> ca_file);

}  // namespace bimodal::acme

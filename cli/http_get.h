// One plain HTTP GET to the daemon. Blocks; any thread.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace bimodal::cli {

struct GetRequest {
  std::string address;  // "127.0.0.1:8080"
  std::string path;     // "/_bimodal/status"
  std::string bearer;   // the token of the Authorization header
};

// The body of a 200 answer. Unavailable when nobody answers within `patience`, Unknown with the status otherwise.
Result<std::string> http_get(GetRequest request, std::chrono::seconds patience);

}  // namespace bimodal::cli

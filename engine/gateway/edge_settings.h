// What a gateway does about those in front of it, and what it keeps of those who come. Plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "http/networks.h"

namespace bimodal::gateway {

struct EdgeSettings {
  http::Networks trusted_proxies;                            // may say for whom they come
  bool proxy_protocol = false;                               // they must, by a PROXY header
  std::size_t max_client_connections = 0;                    // of each client's address at once; 0: no limit
  std::filesystem::path access_log;                          // empty: none is kept
  std::uint64_t access_log_bytes = std::uint64_t{64} << 20;  // of a file, before the next is begun
  std::size_t access_log_files = 4;                          // old ones that are kept
  // The name by which callers with TLS and HTTP/2 mean the API, in lower case; empty: none. Who comes so is handed
  // over: his bytes in clear, and his address. Any gateway loop.
  std::string api_host;
  std::function<void(UniqueFd connection, std::string address)> on_api_client;
  std::chrono::seconds hsts{0};  // for which browsers are told to come with TLS alone; 0: they aren't told
};

}  // namespace bimodal::gateway

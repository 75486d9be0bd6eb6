// Addresses of the daemon itself, as told to people. Pure functions.
#pragma once

#include <fmt/format.h>

#include <string>

#include "control/context.h"
#include "control/web_name.h"
#include "rpc/call.h"

namespace bimodal::control {

// The gateway's own address, where an app has no web function to point at.
inline std::string front_url(const Settings& settings) {
  const std::string host = settings.web_host.substr(0, settings.web_host.rfind(':'));
  return web_url(settings.web_scheme, host, settings.web_port);
}

// Where the blob of a ticket is sent to or fetched from. A caller from elsewhere comes back to where it came from.
// Others take plain HTTP to a numeric local address: the client verifies https against its own certificates only, and
// takes an upload's checksum from local addresses alone. `web_host` has the port for that behind it where it isn't the
// one of URLs.
inline std::string blob_url(const Settings& settings, const rpc::Caller& caller, const std::string& ticket) {
  if (caller.over_edge) return fmt::format("{}/_bimodal/blobs/{}", settings.edge_api_url, ticket);
  const std::size_t colon = settings.web_host.rfind(':');
  const std::string port =
      colon == std::string::npos ? std::to_string(settings.web_port) : settings.web_host.substr(colon + 1);
  return fmt::format("http://127.0.0.1:{}/_bimodal/blobs/{}", port, ticket);
}

// The same for an upload. Python's client sends one to such addresses alone as it thinks to know, by what stands in
// front of a URL's first colon: a user name of that kind, which nobody reads, lets it through. Others take no user
// names.
inline std::string upload_url(const Settings& settings, const rpc::Caller& caller, const std::string& ticket) {
  constexpr int kClientOfJavaScript = 8, kClientOfGo = 9;
  std::string url = blob_url(settings, caller, ticket);
  const bool is_python = caller.client_type != kClientOfJavaScript && caller.client_type != kClientOfGo;
  if (caller.over_edge && is_python) url.insert(url.find("://") + 3, "localhost:@");
  return url;
}

}  // namespace bimodal::control

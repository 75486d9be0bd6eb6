// Addresses of the daemon itself, as told to people. Pure functions.
#pragma once

#include <fmt/format.h>

#include <string>

#include "control/context.h"
#include "control/web_name.h"

namespace bimodal::control {

// The gateway's own address, where an app has no web function to point at.
inline std::string front_url(const Settings& settings) {
  const std::string host = settings.web_host.substr(0, settings.web_host.rfind(':'));
  return web_url(settings.web_scheme, host, settings.web_port);
}

// Where the blob of a ticket is sent to or fetched from. Plain HTTP to a numeric local address: the client verifies
// https against its own certificates only, and takes an upload's checksum from local addresses alone.
// `web_host` has the port for that behind it where it isn't the one of URLs.
inline std::string blob_url(const Settings& settings, const std::string& ticket) {
  const std::size_t colon = settings.web_host.rfind(':');
  const std::string port =
      colon == std::string::npos ? std::to_string(settings.web_port) : settings.web_host.substr(colon + 1);
  return fmt::format("http://127.0.0.1:{}/_bimodal/blobs/{}", port, ticket);
}

}  // namespace bimodal::control

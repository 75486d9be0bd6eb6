// Addresses of the daemon itself, as told to people. Pure functions.
#pragma once

#include <string>

#include "control/context.h"
#include "control/web_name.h"

namespace bimodal::control {

// The gateway's own address, where an app has no web function to point at.
inline std::string front_url(const Settings& settings) {
  return web_url(settings.web_scheme, settings.web_host, settings.web_port);
}

}  // namespace bimodal::control

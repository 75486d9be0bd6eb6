// What becomes of a request that asks to leave HTTP. The one place where that is decided.
#pragma once

#include "http/request_head.h"
#include "model/model.h"

namespace bimodal::gateway {

enum class Upgrade {
  None,       // an ordinary request; an Upgrade that nobody takes is ignored (RFC 9110 §7.8)
  WebSocket,  // ends in the gateway; the application gets messages
  Tunnel,     // ends in the container's server or WSGI application; the gateway passes bytes on
};

// `version` is the function that the request goes to, `web_method` its method as the route names it.
Upgrade upgrade_of(const http::RequestHead& head, const model::FunctionVersion& version, std::string_view web_method);

}  // namespace bimodal::gateway

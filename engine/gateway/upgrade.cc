#include "gateway/upgrade.h"

#include <algorithm>

#include "http/chars.h"

namespace bimodal::gateway {

namespace {

// Any protocol, WebSocket too; a body would have to come before the switch, which nobody does.
bool asks_to_leave_http(const http::RequestHead& head) {
  const auto is_upgrade = [](std::string_view option) { return http::equals_ignoring_case(option, "upgrade"); };
  const auto& options = head.connection_options;
  return head.minor_version >= 1 && !head.has_body() && std::any_of(options.begin(), options.end(), is_upgrade);
}

}  // namespace

Upgrade upgrade_of(const http::RequestHead& head, const model::FunctionVersion& version, std::string_view web_method) {
  for (const model::WebMethod& method : version.web_methods) {
    const bool takes_tunnels = model::listens_on_port(method.kind) || method.kind == model::WebKind::Wsgi;
    if (!takes_tunnels || method.method_name != web_method) continue;
    return asks_to_leave_http(head) ? Upgrade::Tunnel : Upgrade::None;
  }
  // Every other kind of web function is an ASGI application to the runner.
  return head.wants_websocket ? Upgrade::WebSocket : Upgrade::None;
}

}  // namespace bimodal::gateway

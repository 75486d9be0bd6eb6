#include "gateway/upgrade.h"

namespace bimodal::gateway {

// Every kind of web function is an ASGI application to the runner.
Upgrade upgrade_of(const http::RequestHead& head, const model::FunctionVersion&, std::string_view) {
  return head.wants_websocket ? Upgrade::WebSocket : Upgrade::None;
}

}  // namespace bimodal::gateway

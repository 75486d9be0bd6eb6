// What an Exchange does only for a WebSocket: the handshake's answer, and passing on to the bridge.
#include <utility>

#include "gateway/exchange.h"
#include "gateway/front.h"
#include "http/chars.h"

namespace bimodal::gateway {
namespace {

// What the gateway says itself: an application's field of that name would say it twice.
bool is_of_the_handshake(std::string_view name, bool has_subprotocol) {
  constexpr std::string_view kPrefix = "sec-websocket-";
  if (name.size() < kPrefix.size() || !http::equals_ignoring_case(name.substr(0, kPrefix.size()), kPrefix))
    return false;
  return has_subprotocol || !http::equals_ignoring_case(name.substr(kPrefix.size()), "protocol");
}

}  // namespace

bool Exchange::on_accept(const wire::AcceptHead& head) {
  if (!handshake_ || socket_) return false;
  if (!client_) return true;  // gone meanwhile, which the runner was told
  if (client_->response_begun()) return false;
  forget_opening();
  if (switch_to_websocket(head)) return true;
  fail(invalid_response());
  cancel(CancelReason::CallerGone);
  return true;
}

// False when the application's subprotocol or headers can't be sent.
bool Exchange::switch_to_websocket(const wire::AcceptHead& head) {
  const bool has_subprotocol = !head.subprotocol.empty();
  if (has_subprotocol && !http::is_token(head.subprotocol)) return false;
  std::vector<http::Field>& fields = front_.field_scratch();
  fields.clear();
  for (const wire::Header& header : head.headers) {
    if (!is_of_the_handshake(header.name, has_subprotocol)) fields.push_back({header.name, header.value});
  }
  const std::string deflate = handshake_->deflate ? http::deflate_answer(*handshake_->deflate) : std::string();
  std::vector<http::Field> extra{{"sec-websocket-accept", handshake_->accept}, {kRequestIdHeader, text_of(id_)}};
  if (has_subprotocol) extra.push_back({"sec-websocket-protocol", head.subprotocol});
  if (!deflate.empty()) extra.push_back({"sec-websocket-extensions", deflate});
  if (!client_->switch_protocols("websocket", fields, extra)) return false;
  const GatewayLimits& limits = front_.shared().limits;
  const WebSocketBridge::Settings settings{
      handshake_->deflate, limits.max_message_bytes, limits.websocket_ping, traffic_};
  socket_ = std::make_unique<WebSocketBridge>(
      front_.reactor(), front_.deflate(), *client_, runner(), stream_, settings, *this);
  count_answer(101);
  traffic_.websockets.add(1);
  socket_->start();
  watch_for_drain();
  return true;
}

bool Exchange::on_message(http::MessageKind kind, std::string_view bytes, http::Part part) {
  sent_ += bytes.size();
  return socket_ ? socket_->send(kind, bytes, part) : handshake_ && !client_;
}

bool Exchange::on_close(std::uint16_t code, std::string_view reason) {
  if (!handshake_) return false;
  if (socket_) {
    socket_->close(code, reason);
  } else {
    fail(websocket_refused());
  }
  return true;
}

// The exchange goes with the end of the turn, so the bridge may still stand on the call stack.
void Exchange::on_caller_over() {
  part_with_caller();
  release_if_over();
}

void Exchange::restart() {
  if (is_parked()) return fail(container_gone());
  if (!client_) return;
  if (tunnel_ == Tunnel::Open) {
    if (trails_ && trails_->to_caller.is_between_frames()) say_restart();
    return part_with_caller()->abort();
  }
  if (!socket_) return;
  if (runner_ && !std::exchange(cancelled_, true)) runner_->send_cancel(stream_, CancelReason::Draining);
  socket_->end_at_once(http::CloseCode::ServiceRestart, "the server restarts");
}

// What a caller is told whose WebSocket the container failed: to come again when that was to leave.
http::CloseCode Exchange::failure_code() const {
  return is_leaving() ? http::CloseCode::ServiceRestart : http::CloseCode::InternalError;
}

}  // namespace bimodal::gateway

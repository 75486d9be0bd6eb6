// What an Exchange does only for a tunnel: the switch. From there on it is a request and a response without an end.
#include "gateway/exchange.h"
#include "gateway/front.h"
#include "http/chars.h"
#include "http/websocket_session.h"

namespace bimodal::gateway {
namespace {

constexpr std::chrono::milliseconds kFramePatience{5000};   // for a frame to end, behind which a Close can be put
constexpr std::chrono::milliseconds kServerPatience{1000};  // for the server to end its side behind a Close

}  // namespace

bool Exchange::on_switch(std::string_view protocol, const wire::Headers& headers) {
  if (tunnel_ != Tunnel::Asked) return false;
  if (!client_) return true;  // gone meanwhile, which the link was told
  forget_opening();
  std::vector<http::Field>& fields = front_.field_scratch();
  fields.clear();
  for (const wire::Header& header : headers) fields.push_back({header.name, header.value});
  const http::Field extra[] = {{kRequestIdHeader, text_of(id_)}};
  if (!client_->switch_protocols(protocol, fields, extra)) return false;
  tunnel_ = Tunnel::Open;
  if (http::equals_ignoring_case(protocol, "websocket")) trails_ = std::make_unique<Trails>();
  watch_for_drain();
  count_answer(101);
  body_ended_ = false;
  granted_ = 0;
  pump_upload();
  return true;
}

// A WSGI application has answered on the socket that it was given.
void Exchange::on_runner_switch(const wire::ResponseHead& head, std::string_view body, http::Part part) {
  std::string_view protocol;
  for (const wire::Header& header : head.headers) {
    if (http::equals_ignoring_case(header.name, "upgrade")) protocol = header.value;
  }
  if (on_switch(protocol, head.headers)) return on_response_body(body, part);
  fail(invalid_response());
  cancel(CancelReason::CallerGone);
}

// Where one frame ends and before another begins: a peer of a WebSocket is told then. Of other protocols nothing is
// known but how TCP ends.
void Exchange::end_tunnel() {
  if (trails_ && !trails_->to_caller.is_between_frames()) {
    trails_->ending = true;
    return front_.reactor().arm(*drain_watch_, kFramePatience);
  }
  leave_tunnel();
}

// The container may end as soon as it has no request: a server that was told has a moment to hear of it.
void Exchange::leave_tunnel() {
  if (!trails_ || !say_restart()) return finish_response();
  part_with_caller()->finish({});
  arm(TimerUse::Farewell, kServerPatience);
}

// To both sides; false: the server can't be told. Between two frames to the caller.
bool Exchange::say_restart() {
  constexpr auto kCode = static_cast<std::uint16_t>(http::CloseCode::ServiceRestart);
  if (!trails_->to_caller.has_closed()) client_->write(http::close_frame(http::Side::Server, kCode, kLeft));
  const http::WebSocketTrail& up = trails_->to_server;
  if (!runner_ || cancelled_ || up.has_closed() || !up.is_between_frames()) return false;
  const std::string frame = http::close_frame(http::Side::Client, kCode, kLeft);
  if (upload_credit_ < frame.size()) return false;
  upload_credit_ -= frame.size();
  runner_->send_body(stream_, frame, http::Part::More);
  return true;
}

// Bytes of a WebSocket on their way to the caller. False: the tunnel has ended with them.
bool Exchange::pass_down(std::string_view bytes) {
  if (!trails_->ending) {
    trails_->to_caller.pass(bytes);
    return true;
  }
  const std::size_t passed = trails_->to_caller.pass_frame(bytes);
  if (!trails_->to_caller.is_between_frames()) return true;
  client_->write(bytes.substr(0, passed));
  leave_tunnel();
  return false;
}

}  // namespace bimodal::gateway

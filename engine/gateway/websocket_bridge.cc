#include "gateway/websocket_bridge.h"

#include <algorithm>
#include <utility>

namespace bimodal::gateway {
namespace {

constexpr std::size_t kReturnCreditAt = wire::kInitialCredit / 2;  // credit goes back in pieces of at least so much
constexpr std::size_t kMaxUnsent = wire::kInitialCredit / 4;       // and only while less than this waits for the caller
constexpr std::uint64_t kMaxUploadCredit = wire::kInitialCredit;   // a runner never has more to give

}  // namespace

WebSocketBridge::WebSocketBridge(
    http::Reactor& reactor, http::DeflatePool& pool, http::Caller& client, RunnerConnection& runner,
    std::uint32_t stream, const Settings& settings, Owner& owner)
    : reactor_(reactor),
      client_(&client),
      runner_(&runner),
      stream_(stream),
      ping_interval_(settings.ping_interval),
      traffic_(settings.traffic),
      owner_(owner),
      session_(*this, pool, settings.deflate, settings.max_message_bytes) {}

WebSocketBridge::~WebSocketBridge() {
  reactor_.disarm(*this);
}

void WebSocketBridge::start() {
  reactor_.arm(*this, ping_interval_);
  go_on();
}

void WebSocketBridge::on_bytes(std::string_view bytes) {
  granted_ -= bytes.size();
  heard_ = true;
  session_.receive(bytes);
  go_on();
}

void WebSocketBridge::on_sent() {
  return_credit();
  go_on();
}

void WebSocketBridge::on_gone() {
  client_ = nullptr;
  reactor_.disarm(*this);
  tell_runner(static_cast<std::uint16_t>(http::CloseCode::Abnormal), {});
}

// Reads on, first what waits in the session and then from the caller, as far as the application takes it.
void WebSocketBridge::go_on() {
  session_.resume();
  if (!client_ || session_.over() || session_.blocked()) return;
  if (!session_.closing() && room() == 0) return;
  if (granted_ > kReadAhead / 2) return;
  const std::size_t more = kReadAhead - std::exchange(granted_, kReadAhead);
  client_->grant_body(more);
}

std::size_t WebSocketBridge::room() {
  if (!runner_ || !client_ || runner_->congested() || client_->unsent() > kMaxUnsent) return 0;
  if (upload_credit_ <= wire::kMessageCost) return 0;
  return std::min<std::size_t>(upload_credit_ - wire::kMessageCost, wire::kMaxInlineBody);
}

void WebSocketBridge::on_message(http::MessageKind kind, std::string_view piece, http::Part part) {
  upload_credit_ -= piece.size() + wire::kMessageCost;
  if (part == http::Part::Last) traffic_.messages_in.add();
  runner_->send_message(stream_, kind, piece, part);
}

void WebSocketBridge::on_credit(std::uint32_t bytes) {
  upload_credit_ = std::min(upload_credit_ + bytes, kMaxUploadCredit);
  go_on();
}

void WebSocketBridge::on_output(std::string_view header, std::string_view payload) {
  if (!client_) return;
  client_->write(header);
  client_->write(payload);
}

bool WebSocketBridge::send(http::MessageKind kind, std::string_view bytes, http::Part part) {
  const std::size_t cost = bytes.size() + wire::kMessageCost;
  download_credit_ -= static_cast<std::int64_t>(cost);
  owed_credit_ += cost;
  if (download_credit_ < 0) return false;
  if (part == http::Part::Last) traffic_.messages_out.add();
  traffic_.sent_bytes.add(bytes.size());
  session_.send(kind, bytes, part);
  return_credit();
  return true;
}

void WebSocketBridge::return_credit() {
  if (!runner_ || !client_ || owed_credit_ < kReturnCreditAt || client_->unsent() > kMaxUnsent) return;
  download_credit_ += static_cast<std::int64_t>(owed_credit_);
  runner_->send_credit(stream_, static_cast<std::uint32_t>(std::exchange(owed_credit_, 0)));
}

void WebSocketBridge::close(std::uint16_t code, std::string_view reason) {
  if (!client_ || session_.closing()) return;
  session_.close(code, reason);
  timer_use_ = TimerUse::Close;
  reactor_.arm(*this, kClosePatience);
  go_on();
}

void WebSocketBridge::end_at_once(http::CloseCode code, std::string_view reason) {
  if (!client_) return;
  session_.close(static_cast<std::uint16_t>(code), reason);
  if (http::Caller* client = leave()) client->abort();
}

void WebSocketBridge::on_end(std::uint16_t code, std::string_view reason) {
  tell_runner(code, reason);
  if (http::Caller* client = leave()) client->finish();
}

void WebSocketBridge::tell_runner(std::uint16_t code, std::string_view reason) {
  if (runner_ && !std::exchange(told_, true)) runner_->send_close(stream_, code, reason);
}

// Ends the caller's side here and at the owner; the connection is the caller's of this function to end.
http::Caller* WebSocketBridge::leave() {
  http::Caller* client = std::exchange(client_, nullptr);
  if (!client) return nullptr;
  reactor_.disarm(*this);
  owner_.on_caller_over();
  return client;
}

void WebSocketBridge::on_timeout() {
  if (timer_use_ == TimerUse::Ping) return check_alive();
  // It never answered our Close.
  if (http::Caller* client = leave()) client->abort();
}

void WebSocketBridge::check_alive() {
  const bool listening = granted_ > 0 && !session_.blocked();
  if (!std::exchange(heard_, false) && listening) {
    tell_runner(static_cast<std::uint16_t>(http::CloseCode::Abnormal), {});
    if (http::Caller* client = leave()) client->abort();
    return;
  }
  session_.ping();
  reactor_.arm(*this, ping_interval_);
}

}  // namespace bimodal::gateway

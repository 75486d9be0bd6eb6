// What a Front does about TLS: handshakes, what becomes of them, and callers who should have come with it.
#include "base/log.h"
#include "gateway/front.h"
#include "http/target.h"

namespace bimodal::gateway {
namespace {

// An ACME server asks in clear, wherever a redirection leads (RFC 8555 §8.3).
constexpr std::string_view kAcmeChallenge = "/.well-known/acme-challenge/";

}  // namespace

void Front::receive(UniqueFd caller, const http::Address& peer) {
  ++shared_.arrivals;
  http::Arrival::Owner& owner = *this;
  auto made =
      std::make_unique<http::Arrival>(reactor_, std::move(caller), peer, *shared_.tls, shared_.arrival_limits, owner);
  http::Arrival& arrival = *made;
  arrivals_.emplace(&arrival, std::move(made));
  arrival.start();
}

void Front::on_arrived(http::Arrival& arrival, http::Transport transport) {
  LoopTraffic& own = shared_.traffic.loop(number_);
  (arrival.resumed() ? own.resumed_handshakes : own.full_handshakes).add();
  welcome(arrival.handshake(), std::move(transport), arrival.peer());
  forget(arrival);
}

// What was agreed on decides who serves the connection.
void Front::welcome(const tls::Handshake& handshake, http::Transport transport, const http::Address& peer) {
  if (handshake.is_challenge) return transport.close();  // the handshake was the answer
  if (handshake.protocol == tls::kHttp2) return on_http2(std::move(transport), peer, {});
  http::ServerConnection& connection = accept(std::move(transport), peer);
  connection.start();
  if (draining_) connection.drain();
}

void Front::on_lost(http::Arrival& arrival, std::string_view reason) {
  shared_.traffic.loop(number_).failed_handshakes.add();
  log::debug("a TLS handshake of {} failed: {}", arrival.peer().host(), reason);
  forget(arrival);
}

void Front::forget(http::Arrival& arrival) {
  --shared_.arrivals;
  auto found = arrivals_.find(&arrival);
  reactor_.poller().retire(std::move(found->second));
  arrivals_.erase(found);
  if (arrivals_.empty()) emptied_.notify_all();
}

bool Front::must_redirect(const http::Caller& client, const http::RequestHead& head) const {
  if (origin_ && origin_->https.value_or(false)) return false;  // the proxy in front has done that
  if (client.secure() || shared_.secure_port.load(std::memory_order_relaxed) == 0) return false;
  if (shared_.limits.plain == PlainHttp::Serve || client.peer().is_loopback()) return false;
  return !head.path.starts_with(kAcmeChallenge);
}

// What a certificate's CA asks for while one is ordered, in clear and at any host (RFC 8555 §8.3).
bool Front::answer_challenge(http::Caller& client, const http::RequestHead& head, const RequestId& id) {
  if (!shared_.challenge_answer || !head.path.starts_with(kAcmeChallenge)) return false;
  const auto answer = shared_.challenge_answer(head.path.substr(kAcmeChallenge.size()));
  if (!answer || (head.method != "GET" && head.method != "HEAD")) return false;
  const http::Field fields[] = {{"content-type", "application/octet-stream"}, {kRequestIdHeader, text_of(id)}};
  shared_.traffic.unrouted().of(number_).answers.count(method_of(head.method), 200);
  client.reply(200, fields, *answer);
  return true;
}

void Front::redirect_to_https(http::Caller& client, const http::RequestHead& head, const RequestId& id) {
  const std::uint16_t port = shared_.secure_port.load(std::memory_order_relaxed);
  std::string location = fmt::format("https://{}", http::host_without_port(head.host));
  if (port != 443) location += fmt::format(":{}", port);
  location += head.path;
  if (!head.query.empty()) location += fmt::format("?{}", head.query);
  shared_.traffic.unrouted().of(number_).answers.count(method_of(head.method), 308);
  log_refusal(client, id, shared_.traffic.unrouted(), {308, "", ""});
  reply_moved(client, id, location);
}

}  // namespace bimodal::gateway

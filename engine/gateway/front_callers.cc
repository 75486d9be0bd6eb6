// Who comes to a Front: callers behind load balancers, those who come too often, and what is kept of each request.
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "gateway/front.h"
#include "gateway/request_encoder.h"
#include "http/chars.h"
#include "http/proxy_gate.h"
#include "http/target.h"

namespace bimodal::gateway {

void Front::meet(UniqueFd socket, const http::Address& peer, Next next) {
  const bool trusted = shared_.limits.edge.trusted_proxies.contain(peer);
  if (!trusted) {
    // Closed without a word: whoever has so many open knows.
    if (shared_.clients.may_come(peer)) next(std::move(socket), peer);
    return;
  }
  if (!shared_.limits.edge.proxy_protocol) return next(std::move(socket), peer);
  ++shared_.connections;
  auto done = [this, next = std::move(next)](http::ProxyGate& gate, http::ProxyGate::Passed passed) {
    --shared_.connections;
    if (passed.socket && shared_.clients.may_come(passed.caller)) next(std::move(passed.socket), passed.caller);
    if (!passed.refusal.empty()) log::debug("a connection of {}: {}", passed.caller.host(), passed.refusal);
    auto found = gates_.find(&gate);
    reactor_.poller().retire(std::move(found->second));
    gates_.erase(found);
  };
  auto gate = std::make_unique<http::ProxyGate>(
      reactor_, std::move(socket), peer, shared_.limits.head_timeout, std::move(done));
  gates_.emplace(gate.get(), std::move(gate));
}

bool Front::is_for_api(std::string_view host) const {
  const std::string& api = shared_.limits.edge.api_host;
  return !api.empty() && http::equals_ignoring_case(http::host_without_port(host), api);
}

// The one that the caller asked for when the handshake began; empty: none.
std::string_view Front::transport_name(const http::Transport& transport) {
  if (!transport.secure()) return {};
  const char* name = SSL_get_servername(transport.session(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string_view() : std::string_view(name);
}

void Front::bridge_to_api(http::Transport transport, const http::Address& peer, std::string_view received) {
  if (draining_) return transport.close();
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    log::warning("a client of the API is closed: {}", errno_error(errno, "socketpair").value().message);
    return transport.close();
  }
  UniqueFd near(ends[0]), far(ends[1]);
  ApiBridge::Owner& owner = *this;
  auto bridge = std::make_unique<ApiBridge>(reactor_, std::move(transport), peer, std::move(near), owner);
  ApiBridge& held = *bridge;
  hold(std::move(bridge));
  held.start(received);
  shared_.limits.edge.on_api_client(std::move(far), peer.host());
}

void Front::forget_gates() {
  shared_.connections -= gates_.size();
  gates_.clear();
}

void Front::log_refusal(
    const http::Caller& client, const RequestId& id, const FunctionTraffic& traffic, const EdgeError& error) {
  if (!shared_.access_log) return;
  Access access = begin_access(client, head_);
  access.id = id;
  access.function = &traffic.names();
  access.error = error.code;
  access.status = static_cast<std::uint16_t>(error.status);
  log_access(access);
}

Access Front::begin_access(const http::Caller& client, const http::RequestHead* head) {
  Access access;
  access.client = origin_ ? std::string_view(origin_->host) : std::string_view(client.peer_host());
  access.tls = client.tls();
  access.arrived_ns = reactor_.now_ns();
  if (head == nullptr) return access;
  access.method = head->method;
  access.host = head->host;
  access.path = head->path;
  access.http_version = version_of(*head);
  return access;
}

void Front::log_access(Access& access) {
  access.ended_ns = reactor_.now_ns();
  shared_.access_log->write(number_, access);
}

}  // namespace bimodal::gateway

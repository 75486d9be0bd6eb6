#include "gateway/front.h"

#include <algorithm>

#include "gateway/class_arguments.h"
#include "gateway/front_page.h"
#include "gateway/internal_service.h"
#include "gateway/proxy_credentials.h"
#include "gateway/upgrade.h"

namespace bimodal::gateway {
namespace {

std::string server_key(const std::string& task_id, std::uint16_t port) {
  return fmt::format("{}:{}", task_id, port);
}

}  // namespace

Front::Front(Loop& loop, Shared& shared, http::Address address, std::size_t number)
    : shared_(shared),
      number_(number),
      reactor_(loop),
      scope_(loop.executor(), "gateway"),
      address_(address),
      address_host_(address.host()),
      internal_(std::make_unique<InternalService>(reactor_, scope_, shared)),
      emptied_(loop.executor()) {}

Front::~Front() = default;

void Front::listen(UniqueFd socket, Entry entry) {
  auto may_accept = [this, entry] {
    const std::size_t arrivals = shared_.arrivals.load();
    if (entry == Entry::Secure && arrivals >= shared_.limits.max_handshakes) return false;
    return shared_.connections.load() + arrivals < shared_.limits.max_connections;
  };
  auto on_accept = [this, entry](UniqueFd caller, const http::Address& peer) {
    shared_.traffic.loop(number_).accepted.add();
    meet(std::move(caller), peer, [this, entry](UniqueFd known, const http::Address& whose) {
      if (entry == Entry::Secure) return receive(std::move(known), whose);
      accept(std::move(known), whose).start();
    });
  };
  listeners_.push_back(std::make_unique<http::Listener>(reactor_, std::move(socket), may_accept, on_accept));
}

void Front::adopt(UniqueFd socket, std::string received) {
  http::Address peer;
  peer.size = sizeof peer.storage;
  if (::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size) < 0) return;  // it has gone
  // Who was behind the load balancer isn't known any more.
  if (shared_.limits.edge.proxy_protocol && shared_.limits.edge.trusted_proxies.contain(peer)) return;
  if (draining_ && shared_.pass_on) return shared_.pass_on(std::move(socket), received);
  take_over(std::move(socket), peer, std::move(received));
}

void Front::on_passed_on(UniqueFd socket, std::string received) {
  shared_.pass_on(std::move(socket), received);
}

http::ServerConnection& Front::accept(http::Transport caller, const http::Address& peer) {
  auto connection =
      std::make_unique<http::ServerConnection>(reactor_, std::move(caller), peer, *this, shared_.connection_limits);
  http::ServerConnection& accepted = *connection;
  hold(std::move(connection));
  return accepted;
}

http::Http2Connection& Front::accept_http2(http::Transport caller, const http::Address& peer) {
  auto connection =
      std::make_unique<http::Http2Connection>(reactor_, std::move(caller), peer, *this, shared_.connection_limits);
  http::Http2Connection& accepted = *connection;
  hold(std::move(connection));
  return accepted;
}

void Front::hold(std::unique_ptr<http::Connection> connection) {
  ++shared_.connections;
  shared_.clients.add(connection->remote());
  shared_.traffic.loop(number_).connections.add(1);
  http::Connection* const held = connection.get();
  connections_.emplace(held, std::move(connection));
}

void Front::on_http2(http::Transport caller, const http::Address& peer, std::string received) {
  if (is_for_api(transport_name(caller))) return bridge_to_api(std::move(caller), peer, received);
  http::Http2Connection& connection = accept_http2(std::move(caller), peer);
  connection.start(std::move(received));
  if (draining_) connection.drain();
}

const RoutingTable& Front::routes() {
  const std::uint64_t version = shared_.routes_version.load(std::memory_order_acquire);
  if (version != routes_version_) {
    routes_ = shared_.routes.load(std::memory_order_acquire);
    routes_version_ = version;
  }
  return *routes_;
}

void Front::on_request(http::Caller& client, const http::RequestHead& head) {
  head_ = &head;
  const http::Networks& trusted = shared_.limits.edge.trusted_proxies;
  if (!trusted.empty()) origin_ = forwarded_origin(head, client.peer(), trusted);
  route(client, head);
  head_ = nullptr;
  origin_.reset();
}

void Front::route(http::Caller& client, const http::RequestHead& head) {
  const RequestId id = ids_.next();
  if (answer_challenge(client, head, id)) return;
  // Blobs are had at the API's name by ordinary requests.
  if (is_for_api(head.host) && !head.path.starts_with(kInternalPrefix))
    return refuse(client, method_of(head.method), id, shared_.traffic.unrouted(), misdirected());
  if (must_redirect(client, head)) return redirect_to_https(client, head, id);
  if (const RoutingTable::Entry* entry = routes().find(head.host)) {
    if (!admit(client, head, id, *entry)) return;
    const bool redirects = shared_.limits.redirect_after.count() > 0 || shared_.kept.concerned();
    if (redirects && !call_in(head.query).empty()) return resume(client, head, id, *entry);
    begin(client, head, id, *entry);
  } else if (head.path.starts_with(kInternalPrefix)) {
    internal_->handle(client, head, id);
  } else if (is_for_front_page(head)) {
    reply_front_page(client, id);
  } else {
    refuse(client, method_of(head.method), id, shared_.traffic.unrouted(), unknown_host());
  }
}

void Front::refuse(
    http::Caller& client, Method method, const RequestId& id, FunctionTraffic& traffic, const EdgeError& error) {
  Traffic& own = traffic.of(number_);
  own.answers.count(method, error.status);
  own.count_error(error.code);
  log_refusal(client, id, traffic, error);
  reply_error(client, id, error);
}

// Why a request to a function behind proxy authorization may not pass.
std::optional<EdgeError> Front::unauthorized(const http::RequestHead& head, const model::Route& route) const {
  const ProxyCredentials credentials = proxy_credentials(head);
  if (credentials.form == ProxyCredentials::Form::None) return missing_credentials();
  if (credentials.form == ProxyCredentials::Form::Ambiguous) return invalid_credentials();
  const auto tokens = shared_.tokens.load();
  switch (tokens->check(credentials.token_id, credentials.secret, route.environment_id)) {
    case ProxyTokens::Verdict::Good:
      return std::nullopt;
    case ProxyTokens::Verdict::OtherEnvironment:
      return other_environment();
    case ProxyTokens::Verdict::Wrong:
      break;
  }
  return invalid_credentials();
}

// Every refusal that needs no slot, before a byte of body is read.
bool Front::admit(
    http::Caller& client, const http::RequestHead& head, const RequestId& id, const RoutingTable::Entry& entry) {
  auto no = [&](const EdgeError& error) {
    refuse(client, method_of(head.method), id, *entry.traffic, error);
    return false;
  };
  const std::int64_t now = reactor_.now_ns();
  if (auto exceeded = shared_.rates.admit_client(origin_ ? origin_->address : client.peer(), now))
    return no(rate_exceeded(*exceeded));
  if (entry.route.stopped) return no(app_stopped());
  if (entry.route.requires_proxy_auth && !is_preflight(head)) {
    if (auto refusal = unauthorized(head, entry.route)) return no(*refusal);
  }
  if (auto exceeded = shared_.rates.admit(*entry.rate, now)) return no(rate_exceeded(*exceeded));
  const std::uint64_t limit = shared_.limits.max_body_bytes;
  if (head.content_length.value_or(0) > limit) return no(body_too_large(limit));
  return true;
}

namespace {

// Where the pool of the class arguments in the URL comes from; null for what has no parameters.
tl::expected<std::shared_ptr<scheduler::PoolSource>, EdgeError> source_for(
    scheduler::FunctionHandle& handle, const scheduler::Pool& pool, const http::RequestHead& head) {
  const auto& parameters = pool.version().parameters;
  if (parameters.empty()) return nullptr;
  auto arguments = class_arguments(parameters, head.query);
  if (!arguments) return tl::unexpected(bad_request(400, arguments.error().message));
  auto bound = handle.bind(*std::move(arguments));
  if (!bound) return tl::unexpected(no_pool(bound.error()));
  return *std::move(bound);
}

}  // namespace

void Front::begin(
    http::Caller& client, const http::RequestHead& head, const RequestId& id, const RoutingTable::Entry& entry) {
  const Method method = method_of(head.method);
  auto no = [&](const EdgeError& error) { refuse(client, method, id, *entry.traffic, error); };
  auto handle = entry.handle ? entry.handle : shared_.functions.find(entry.route.function_id);
  if (!handle) return no(unknown_host());
  auto pool = handle->pool();
  if (!pool) return no(no_pool(pool.error()));
  std::optional<http::WebSocketHandshake> handshake;
  const Upgrade upgrade = upgrade_of(head, (*pool)->version(), entry.route.method_name);
  if (upgrade == Upgrade::WebSocket) {
    handshake = http::read_websocket_handshake(head);
    if (handshake->status != 0) {
      entry.traffic->of(number_).answers.count(method, handshake->status);
      entry.traffic->of(number_).count_error(kHandshakeError);
      log_refusal(client, id, *entry.traffic, {handshake->status, kHandshakeError, ""});
      return refuse_handshake(client, id, handshake->status, handshake->reason);
    }
  }
  auto source = source_for(*handle, **pool, head);
  if (!source) return no(source.error());
  if (*source) pool = (*source)->pool();
  if (!pool) return no(no_pool(pool.error()));
  if (!*source) *source = std::move(handle);
  auto exchange = std::make_unique<Exchange>(
      *this, client, id, *std::move(source), *std::move(pool), entry.traffic->of(number_), method,
      entry.traffic->names());
  Exchange& started = *exchange;
  started.index = exchanges_.size();
  exchanges_.push_back(std::move(exchange));
  if (handshake) started.expect_websocket(std::move(*handshake));
  if (upgrade == Upgrade::Tunnel) started.expect_switch();
  started.start(head, entry.route.method_name);
}

void Front::on_bad_request(http::Caller& client, int status, std::string_view reason) {
  refuse(client, Method::Other, ids_.next(), shared_.traffic.unrouted(), bad_request(status, reason));
}

void Front::on_closed(http::Connection& connection) {
  auto found = connections_.find(&connection);
  reactor_.poller().retire(std::move(found->second));
  connections_.erase(found);
  --shared_.connections;
  shared_.clients.remove(connection.remote());
  shared_.traffic.loop(number_).connections.add(-1);
  if (connections_.empty()) emptied_.notify_all();
}

Result<ContainerLink*> Front::link_to(
    const std::shared_ptr<scheduler::Container>& container, const model::FunctionVersion& version,
    std::string_view web_method) {
  for (const model::WebMethod& method : version.web_methods) {
    if (model::listens_on_port(method.kind) && method.method_name == web_method)
      return &server_for(container, method.server_port);
  }
  TRY(RunnerConnection * runner, runner_for(*container));
  return runner;
}

ServerLink& Front::server_for(const std::shared_ptr<scheduler::Container>& container, std::uint16_t port) {
  std::unique_ptr<ServerLink>& link = servers_[server_key(container->task_id(), port)];
  ServerLink::Owner& owner = *this;
  if (!link) link = std::make_unique<ServerLink>(reactor_, scope_, container, port, owner);
  return *link;
}

// The server has died inside a container that lives on: another container takes its place.
void Front::on_server_gone(ServerLink& link) {
  shared_.functions.retire(link.task_id(), "its server doesn't listen any more");
}

void Front::on_link_idle(ServerLink& link) {
  auto found = servers_.find(server_key(link.task_id(), link.port()));
  reactor_.poller().retire(std::move(found->second));
  servers_.erase(found);
}

Result<RunnerConnection*> Front::runner_for(const scheduler::Container& container) {
  auto found = runners_.find(container.task_id());
  if (found != runners_.end()) {
    if (found->second->usable()) return found->second.get();
    worn_out_.push_back(std::move(found->second));
    runners_.erase(found);
  }
  TRY(auto made, RunnerConnection::connect(reactor_, container.web_socket(), container.task_id(), *this));
  RunnerConnection* connection = made.get();
  runners_.emplace(container.task_id(), std::move(made));
  return connection;
}

void Front::on_runner_closed(RunnerConnection& connection) {
  auto found = runners_.find(connection.task_id());
  if (found != runners_.end() && found->second.get() == &connection) {
    reactor_.poller().retire(std::move(found->second));
    runners_.erase(found);
    return;
  }
  auto worn = std::find_if(worn_out_.begin(), worn_out_.end(), [&](auto& each) { return each.get() == &connection; });
  if (worn == worn_out_.end()) return;
  reactor_.poller().retire(std::move(*worn));
  worn_out_.erase(worn);
}

void Front::release(Exchange& exchange) {
  const std::size_t index = exchange.index;
  reactor_.poller().retire(std::move(exchanges_[index]));
  if (index + 1 != exchanges_.size()) {
    exchanges_[index] = std::move(exchanges_.back());
    exchanges_[index]->index = index;
  }
  exchanges_.pop_back();
  if (exchanges_.empty()) emptied_.notify_all();
}

void Front::drain() {
  draining_ = true;
  listeners_.clear();
  forget_gates();
  std::vector<Exchange*> waiting;
  for (auto& [token, exchange] : parked_) waiting.push_back(exchange);
  for (Exchange* exchange : waiting) exchange->part_with_answer();
  std::vector<http::Connection*> open;
  for (auto& [connection, owned] : connections_) open.push_back(connection);
  for (http::Connection* connection : open) {
    if (shared_.pass_on && !shared_.limits.edge.proxy_protocol) {
      connection->pass_on();
    } else {
      connection->drain();
    }
  }
}

Task<void> Front::close(Deadline grace) {
  drain();
  while (!(connections_.empty() && exchanges_.empty() && late_.empty() && arrivals_.empty()) && !grace.passed())
    co_await emptied_.wait(grace);
  cut_all();
  co_await scope_.close();
}

void Front::cut_all() {
  // Callers of WebSockets are told that they may come again; the rest is cut.
  std::vector<Exchange*> running;
  for (auto& owned : exchanges_) running.push_back(owned.get());
  for (Exchange* exchange : running) exchange->restart();
  shared_.arrivals -= arrivals_.size();
  arrivals_.clear();
  std::vector<http::Connection*> open;
  for (auto& [connection, owned] : connections_) open.push_back(connection);
  for (http::Connection* connection : open) connection->cut();
  std::vector<RunnerConnection*> runners;
  for (auto& [task, owned] : runners_) runners.push_back(owned.get());
  for (auto& owned : worn_out_) runners.push_back(owned.get());
  for (RunnerConnection* runner : runners) runner->close();
  std::vector<ServerLink*> servers;
  for (auto& [key, owned] : servers_) servers.push_back(owned.get());
  for (ServerLink* server : servers) server->close();
}

}  // namespace bimodal::gateway

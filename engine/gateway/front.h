// One loop's share of the gateway: its listener, its callers' connections, its connections to containers. Loop-bound.
#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/blocking_pool.h"
#include "async/pulse.h"
#include "async/scope.h"
#include "gateway/access_log.h"
#include "gateway/api_bridge.h"
#include "gateway/client_counts.h"
#include "gateway/exchange.h"
#include "gateway/gateway.h"
#include "gateway/late_answer.h"
#include "gateway/origin.h"
#include "gateway/proxy_tokens.h"
#include "gateway/rate_limits.h"
#include "gateway/redirects.h"
#include "gateway/request_id.h"
#include "gateway/routing_table.h"
#include "gateway/runner_connection.h"
#include "gateway/server_link.h"
#include "gateway/traffic.h"
#include "http/arrival.h"
#include "http/http2_connection.h"
#include "http/listener.h"
#include "http/message_deflate.h"
#include "http/proxy_gate.h"
#include "http/reactor.h"
#include "http/server_connection.h"

namespace bimodal::gateway {

class InternalService;

// What the loops of a gateway share. Outlives every Front.
struct Shared {
  scheduler::Functions& functions;
  BlobGate& blobs;
  GatewayLimits limits;
  http::ConnectionLimits connection_limits;
  http::ArrivalLimits arrival_limits;
  RateLimits rates;
  ClientCounts clients;
  TrafficTable traffic = {};
  std::unique_ptr<AccessLog> access_log = {};  // null: none is kept; ends before `traffic`, whose names it writes
  std::atomic<std::shared_ptr<const RoutingTable>> routes;
  std::atomic<std::uint64_t> routes_version = 0;
  std::atomic<std::shared_ptr<const ProxyTokens>> tokens;
  std::atomic<std::size_t> connections = 0;
  std::atomic<std::size_t> arrivals = 0;  // whose handshakes run
  // The entry with TLS, set before any caller comes that way.
  tls::Context* tls = nullptr;
  http::Address secure_address = {};
  std::string secure_address_host = {};
  std::atomic<std::uint16_t> secure_port = 0;  // 0: there is none
  ChallengeAnswer challenge_answer = nullptr;  // set before the loops run
  PassOn pass_on;                              // set before any Front drains, as is the next
  PassAnswer pass_answer;
  KeptAnswers kept{limits.redirect_patience};
  BlockingPool blocking{kBlockingThreads};  // for blobs
  const std::string hsts = limits.edge.hsts.count() > 0 ? fmt::format("max-age={}", limits.edge.hsts.count()) : "";
  const std::shared_ptr<Redirects> redirects = std::make_shared<Redirects>();

  static constexpr std::size_t kBlockingThreads = 2;
};

class Front final : public http::Service,
                    private http::Arrival::Owner,
                    private ApiBridge::Owner,
                    private RunnerConnection::Owner,
                    private ServerLink::Owner,
                    private LateAnswer::Owner {
 public:
  enum class Entry { Plain, Secure };

  // `number` is the loop's among those of the gateway.
  Front(Loop& loop, Shared& shared, http::Address address, std::size_t number);
  ~Front();

  // Takes callers from `socket`, which listens. More than once: from each.
  void listen(UniqueFd socket, Entry entry);
  // A caller from elsewhere, and what was read of it.
  void adopt(UniqueFd socket, std::string received);
  // Stops accepting, and closes connections as they become idle or passes them on.
  void drain();
  // drain(), then waits until all have gone, or cuts them when `grace` passed. Must finish before destruction.
  Task<void> close(Deadline grace);

  // --- for exchanges ---

  http::Reactor& reactor() { return reactor_; }
  Scope& scope() { return scope_; }
  const Shared& shared() const { return shared_; }
  bool draining() const { return draining_; }
  wire::RequestHead& head_scratch() { return head_scratch_; }
  http::DeflatePool& deflate() { return deflate_; }
  std::vector<http::Field>& field_scratch() { return field_scratch_; }
  // Where that caller reached us.
  const http::Address& address(const http::Caller& client) const {
    return client.secure() ? shared_.secure_address : address_;
  }
  const std::string& address_host(const http::Caller& client) const {
    return client.secure() ? shared_.secure_address_host : address_host_;
  }
  // The connection to that container, made now if there is none. Unavailable when it can't be reached.
  Result<ContainerLink*> link_to(
      const std::shared_ptr<scheduler::Container>& container, const model::FunctionVersion& version,
      std::string_view web_method);
  // That container's runner is gone, whatever else of it lives.
  void replace(const std::string& task_id) { shared_.functions.retire(task_id, "its runner is gone"); }
  void kill_stuck(const std::string& task_id) { shared_.functions.kill_stuck(task_id); }
  // That exchange waits for a caller who brings `token`, until unpark().
  void park(const std::string& token, Exchange& exchange);
  void unpark(const std::string& token);
  // While a request begins: whom a trusted proxy says that it comes from.
  const std::optional<Origin>& origin() const { return origin_; }
  const http::RequestHead* head() const { return head_; }
  // For the access log, if there is one; good while the request begins.
  Access begin_access(const http::Caller& client, const http::RequestHead* head);
  void log_access(Access& access);
  // Destroys `exchange` at the end of the turn.
  void release(Exchange& exchange);

 private:
  void on_request(http::Caller& client, const http::RequestHead& head) override;
  void on_bad_request(http::Caller& client, int status, std::string_view reason) override;
  void on_closed(http::Connection& connection) override;
  void on_passed_on(UniqueFd socket, std::string received) override;
  // Only on the machine itself: elsewhere a name and TLS come first.
  // With TLS, too, whoever doesn't say so by ALPN: the official client's command router doesn't.
  bool takes_http2(const http::Caller& client) override { return client.secure() || client.peer().is_loopback(); }
  void on_http2(http::Transport caller, const http::Address& peer, std::string received) override;
  void on_arrived(http::Arrival& arrival, http::Transport transport) override;
  void on_lost(http::Arrival& arrival, std::string_view reason) override;
  void on_runner_closed(RunnerConnection& connection) override;
  void on_server_gone(ServerLink& link) override;
  void on_link_idle(ServerLink& link) override;

  Result<RunnerConnection*> runner_for(const scheduler::Container& container);
  ServerLink& server_for(const std::shared_ptr<scheduler::Container>& container, std::uint16_t port);

  http::ServerConnection& accept(http::Transport caller, const http::Address& peer);
  http::Http2Connection& accept_http2(http::Transport caller, const http::Address& peer);
  void hold(std::unique_ptr<http::Connection> connection);
  void resume(
      http::Caller& client, const http::RequestHead& head, const RequestId& id, const RoutingTable::Entry& entry);
  void take_over(http::Transport caller, const http::Address& peer, std::string received);
  void await_answer(
      http::Caller& client, const http::RequestHead& head, const RequestId& id, const RoutingTable::Entry& entry);
  void release(LateAnswer& answer) override;
  // front_secure.cc: callers with TLS, and those who should have it.
  void receive(UniqueFd caller, const http::Address& peer);
  void welcome(const tls::Handshake& handshake, http::Transport transport, const http::Address& peer);
  void forget(http::Arrival& arrival);
  bool must_redirect(const http::Caller& client, const http::RequestHead& head) const;
  bool answer_challenge(http::Caller& client, const http::RequestHead& head, const RequestId& id);
  void redirect_to_https(http::Caller& client, const http::RequestHead& head, const RequestId& id);
  // front_callers.cc: what becomes of a connection, once it is known whose it is.
  using Next = std::function<void(UniqueFd socket, const http::Address& caller)>;
  void meet(UniqueFd socket, const http::Address& peer, Next next);
  void forget_gates();
  void log_refusal(
      const http::Caller& client, const RequestId& id, const FunctionTraffic& traffic, const EdgeError& error);
  bool is_for_api(std::string_view host) const;
  static std::string_view transport_name(const http::Transport& transport);
  void bridge_to_api(http::Transport transport, const http::Address& peer, std::string_view received);
  void on_bridge_over(ApiBridge& bridge) override { on_closed(bridge); }
  void route(http::Caller& client, const http::RequestHead& head);
  const RoutingTable& routes();
  std::optional<EdgeError> unauthorized(const http::RequestHead& head, const model::Route& route) const;
  bool admit(
      http::Caller& client, const http::RequestHead& head, const RequestId& id, const RoutingTable::Entry& entry);
  void begin(
      http::Caller& client, const http::RequestHead& head, const RequestId& id, const RoutingTable::Entry& entry);
  // Answers and counts what goes no further.
  void refuse(
      http::Caller& client, Method method, const RequestId& id, FunctionTraffic& traffic, const EdgeError& error);
  void cut_all();

  Shared& shared_;
  const std::size_t number_;
  http::Reactor reactor_;
  Scope scope_;
  http::Address address_;
  std::string address_host_;
  RequestIds ids_;
  std::vector<std::unique_ptr<http::Listener>> listeners_;
  std::unique_ptr<InternalService> internal_;
  std::shared_ptr<const RoutingTable> routes_;
  std::uint64_t routes_version_ = 0;
  wire::RequestHead head_scratch_;
  std::vector<http::Field> field_scratch_;
  const http::RequestHead* head_ = nullptr;  // of the request that begins; null: its head is broken
  std::optional<Origin> origin_;
  boost::unordered_flat_map<http::ProxyGate*, std::unique_ptr<http::ProxyGate>> gates_;
  http::DeflatePool deflate_;  // outlives the exchanges
  boost::unordered_flat_map<http::Connection*, std::unique_ptr<http::Connection>> connections_;
  boost::unordered_flat_map<http::Arrival*, std::unique_ptr<http::Arrival>> arrivals_;
  boost::unordered_flat_map<std::string, std::unique_ptr<RunnerConnection>> runners_;  // by task id
  boost::unordered_flat_map<std::string, std::unique_ptr<ServerLink>> servers_;        // by task id and port
  std::vector<std::unique_ptr<RunnerConnection>> worn_out_;   // no stream number left; closed with their last stream
  boost::unordered_flat_map<std::string, Exchange*> parked_;  // by token
  boost::unordered_flat_map<LateAnswer*, std::unique_ptr<LateAnswer>> late_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  Pulse emptied_;
  bool draining_ = false;
};

}  // namespace bimodal::gateway

#include "gateway/gateway.h"

#include <fcntl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <mutex>

#include "base/check.h"
#include "gateway/front.h"

namespace bimodal::gateway {
namespace {

class LoopGateway final : public Gateway {
 public:
  LoopGateway(scheduler::Functions& functions, BlobGate& blobs, GatewayLimits limits)
      : shared_{
            .functions = functions,
            .blobs = blobs,
            .limits = limits,
            .connection_limits =
                {.max_head_bytes = limits.max_head_bytes,
                 .head_timeout = limits.head_timeout,
                 .idle_timeout = limits.idle_timeout},
            .arrival_limits = {.head_timeout = limits.head_timeout, .certificate_timeout = limits.certificate_timeout},
            .rates{limits},
            .clients{limits.edge.max_client_connections}} {
    publish({});
    publish_tokens({});
  }

  ~LoopGateway() override { CHECK(fronts_.empty()); }  // close() comes first

  // Binds every loop's socket before the first caller is accepted, so that a failure leaves nothing behind.
  Result<void> open(const std::vector<Loop*>& loops, const std::string& text) {
    TRY(std::vector<UniqueFd> sockets, bind(text, loops.size()));
    TRY_VOID(open(loops, std::move(sockets)));
    accept();
    return {};
  }

  Result<void> open(const std::vector<Loop*>& loops, std::vector<UniqueFd> sockets) {
    if (sockets.empty()) return error(Code::InvalidArgument, "gateway: no socket to listen on");
    TRY(http::Address address, http::bound_address(sockets[0].get()));
    TRY_VOID(fill_up(sockets, loops.size(), address));
    port_ = address.port();
    TRY_VOID(open_access_log(loops.size()));
    start(loops, address, std::move(sockets));
    return {};
  }

  Result<void> open_secure(SecureEntry entry) override {
    std::vector<UniqueFd> sockets = std::move(entry.sockets);
    if (sockets.empty()) {
      TRY(sockets, bind(entry.address, fronts_.size()));
    }
    TRY(shared_.secure_address, http::bound_address(sockets[0].get()));
    TRY_VOID(fill_up(sockets, fronts_.size(), shared_.secure_address));
    shared_.secure_address_host = shared_.secure_address.host();
    shared_.tls = &entry.context;
    shared_.secure_port.store(shared_.secure_address.port());
    secure_.take(std::move(sockets));
    return {};
  }

  void answer_challenges(ChallengeAnswer answer) override { shared_.challenge_answer = std::move(answer); }
  std::uint16_t secure_port() const override { return shared_.secure_port.load(); }
  std::uint16_t port() const override { return port_; }

  void accept() override {
    accept(plain_, Front::Entry::Plain);
    accept(secure_, Front::Entry::Secure);
  }

  Result<std::vector<UniqueFd>> share_listeners() const override { return plain_.copies(); }
  Result<std::vector<UniqueFd>> share_secure_listeners() const override { return secure_.copies(); }

  void adopt(UniqueFd socket, std::string received) override {
    if (fronts_.empty()) return;
    Slot& slot = *fronts_[next_++ % fronts_.size()];
    auto shared_socket = std::make_shared<UniqueFd>(std::move(socket));
    slot.loop.post([&slot, shared_socket, received = std::move(received)]() mutable {
      if (slot.front) slot.front->adopt(std::move(*shared_socket), std::move(received));
    });
  }

  void expect_answers(bool expected) override { shared_.kept.set_expected(expected); }
  void keep_answer(KeptAnswer answer) override { shared_.kept.keep(std::move(answer)); }

  void publish(std::vector<model::Route> routes) override {
    const std::lock_guard guard(publishing_);
    shared_.rates.keep(routes);
    shared_.routes.store(
        std::make_shared<const RoutingTable>(std::move(routes), shared_.functions, shared_.rates, shared_.traffic));
    shared_.routes_version.fetch_add(1, std::memory_order_release);
  }

  bool serves(std::string_view host) const override { return shared_.routes.load()->find(host) != nullptr; }

  void publish_tokens(std::vector<model::ProxyToken> tokens) override {
    shared_.tokens.store(std::make_shared<const ProxyTokens>(std::move(tokens)));
  }

  void write_metrics(metrics::Page& page) const override { shared_.traffic.write(page); }
  std::vector<TrafficSummary> summaries() const override { return shared_.traffic.summaries(); }

  Task<void> close(Deadline grace, PassOn pass_on, PassAnswer pass_answer) override {
    plain_.listening.clear();
    secure_.listening.clear();
    shared_.pass_on = std::move(pass_on);  // before any loop reads them
    shared_.pass_answer = std::move(pass_answer);
    // All begin to drain at once; then each is waited for.
    for (auto& slot : fronts_) slot->loop.post([&slot = *slot] { slot.front->drain(); });
    for (auto& slot : fronts_) {
      auto executor = slot->loop.executor();
      co_await boost::asio::co_spawn(executor, close_front(*slot, grace), boost::asio::use_awaitable);
    }
    fronts_.clear();
    for (KeptAnswer& answer : shared_.kept.take_all()) {
      if (shared_.pass_answer) shared_.pass_answer(std::move(answer));
    }
  }

 private:
  // A Front and the loop that it lives and dies on.
  struct Slot {
    Loop& loop;
    std::unique_ptr<Front> front;
  };

  // The sockets of one entry.
  struct Listening {
    std::vector<UniqueFd> sockets;  // until accept()
    std::vector<int> listening;     // all of them; open until close()

    void take(std::vector<UniqueFd> all) {
      for (const UniqueFd& socket : all) listening.push_back(socket.get());
      sockets = std::move(all);
    }

    Result<std::vector<UniqueFd>> copies() const {
      std::vector<UniqueFd> copies;
      for (const int number : listening) {
        copies.emplace_back(::fcntl(number, F_DUPFD_CLOEXEC, 0));
        if (!copies.back()) return errno_error(errno, "the gateway's listening sockets");
      }
      return copies;
    }
  };

  static Result<std::vector<UniqueFd>> bind(const std::string& text, std::size_t count) {
    TRY(http::Address address, http::parse_address(text));
    TRY_VOID(http::check_free(address));
    std::vector<UniqueFd> sockets;
    TRY(UniqueFd first, http::listen_on(address));
    TRY(address, http::bound_address(first.get()));  // port 0 is a number now
    sockets.push_back(std::move(first));
    TRY_VOID(fill_up(sockets, count, address));
    return sockets;
  }

  // Loops without a socket get one.
  static Result<void> fill_up(std::vector<UniqueFd>& sockets, std::size_t count, const http::Address& address) {
    while (sockets.size() < count) {
      TRY(UniqueFd socket, http::listen_on(address));
      sockets.push_back(std::move(socket));
    }
    return {};
  }

  void accept(Listening& entry, Front::Entry kind) {
    for (std::size_t i = 0; i < entry.sockets.size(); ++i) {
      auto shared_socket = std::make_shared<UniqueFd>(std::move(entry.sockets[i]));
      Slot& slot = *fronts_[i % fronts_.size()];
      slot.loop.post([&slot, shared_socket, kind] { slot.front->listen(std::move(*shared_socket), kind); });
    }
    entry.sockets.clear();
  }

  Result<void> open_access_log(std::size_t loops) {
    const EdgeSettings& edge = shared_.limits.edge;
    if (edge.access_log.empty()) return {};
    const AccessLogFile file{edge.access_log, edge.access_log_bytes, edge.access_log_files};
    TRY(shared_.access_log, AccessLog::open(file, loops));
    return {};
  }

  void start(const std::vector<Loop*>& loops, const http::Address& address, std::vector<UniqueFd> sockets) {
    shared_.traffic.prepare(loops.size());
    plain_.take(std::move(sockets));
    for (Loop* loop : loops) {
      fronts_.push_back(std::make_unique<Slot>(*loop, nullptr));
      const std::size_t number = fronts_.size() - 1;
      loop->post([this, slot = fronts_.back().get(), address, number] {
        slot->front = std::make_unique<Front>(slot->loop, shared_, address, number);
      });
    }
  }

  static Task<void> close_front(Slot& slot, Deadline grace) {
    co_await slot.front->close(grace);
    slot.front.reset();
  }

  std::mutex publishing_;
  Shared shared_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<Slot>> fronts_;
  Listening plain_, secure_;
  std::size_t next_ = 0;  // front for a connection from elsewhere
};

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::listen(
    std::vector<Loop*> loops, const std::string& address, scheduler::Functions& functions, BlobGate& blobs,
    GatewayLimits limits) {
  auto gateway = std::make_unique<LoopGateway>(functions, blobs, limits);
  TRY_VOID(gateway->open(loops, address));
  return std::unique_ptr<Gateway>(std::move(gateway));
}

Result<std::unique_ptr<Gateway>> Gateway::serve(
    std::vector<Loop*> loops, std::vector<UniqueFd> sockets, scheduler::Functions& functions, BlobGate& blobs,
    GatewayLimits limits) {
  auto gateway = std::make_unique<LoopGateway>(functions, blobs, limits);
  TRY_VOID(gateway->open(loops, std::move(sockets)));
  return std::unique_ptr<Gateway>(std::move(gateway));
}

}  // namespace bimodal::gateway

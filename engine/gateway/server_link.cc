#include "gateway/server_link.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "gateway/server_call.h"

namespace bimodal::gateway {

// A connection without a request. Whatever the server says on it, or its end, makes it useless.
class ServerLink::Idle final : public http::Poller::Source {
 public:
  Idle(ServerLink& link, UniqueFd socket) : link_(link), socket_(std::move(socket)) {
    link_.reactor_.poller().watch(socket_.get(), EPOLLIN | EPOLLRDHUP, *this);
  }
  ~Idle() override {
    if (socket_) link_.reactor_.poller().forget(socket_.get(), *this);
  }

  UniqueFd take() {
    link_.reactor_.poller().forget(socket_.get(), *this);
    return std::move(socket_);
  }

 private:
  void on_ready(std::uint32_t) override {
    take().reset();
    link_.drop(*this);
  }

  ServerLink& link_;
  UniqueFd socket_;
};

namespace {

Task<void> connect_for(
    std::shared_ptr<ServerCall*> call, std::shared_ptr<scheduler::Container> container, std::uint16_t port) {
  auto made = co_await container->connect(port, Deadline::after(ServerLink::kConnectTime));
  if (*call) (*call)->on_connected(std::move(made));
}

}  // namespace

ServerLink::ServerLink(
    http::Reactor& reactor, Scope& scope, std::shared_ptr<scheduler::Container> container, std::uint16_t port,
    Owner& owner)
    : reactor_(reactor), scope_(scope), container_(std::move(container)), port_(port), owner_(owner) {}

ServerLink::~ServerLink() {
  reactor_.disarm(*this);
}

std::uint32_t ServerLink::open(Stream& stream, std::string& frames) {
  const std::uint32_t number = next_stream_++;
  auto made = std::make_unique<ServerCall>(*this, number, stream, frames);
  ServerCall& call = *made;
  calls_.emplace(number, std::move(made));
  call.start();
  return number;
}

bool ServerLink::may_be_begun(std::uint32_t stream) const {
  auto found = calls_.find(stream);
  return found == calls_.end() || found->second->may_be_begun();
}

void ServerLink::send_body(std::uint32_t stream, std::string_view bytes, http::Part part) {
  auto found = calls_.find(stream);
  if (found != calls_.end()) found->second->send_body(bytes, part);
}

void ServerLink::send_credit(std::uint32_t stream, std::uint32_t bytes) {
  auto found = calls_.find(stream);
  if (found != calls_.end()) found->second->add_credit(bytes);
}

void ServerLink::send_cancel(std::uint32_t stream, CancelReason) {
  auto found = calls_.find(stream);
  if (found != calls_.end()) found->second->cancel();
}

void ServerLink::abandon(std::uint32_t stream) {
  auto found = calls_.find(stream);
  if (found != calls_.end()) found->second->abandon();
}

void ServerLink::close() {
  drop_idle();
  std::vector<ServerCall*> running;
  for (auto& [number, call] : calls_) running.push_back(call.get());
  for (ServerCall* call : running) call->lose(Loss::Final);
  release_if_idle();
}

void ServerLink::connect(ServerCall& call) {
  drop_idle();
  scope_.spawn(connect_for(call.waiting(), container_, port_));
}

UniqueFd ServerLink::take_idle() {
  if (idle_.empty()) return {};
  UniqueFd socket = idle_.back()->take();
  reactor_.poller().retire(std::move(idle_.back()));
  idle_.pop_back();
  return socket;
}

void ServerLink::end(ServerCall& call, UniqueFd socket) {
  auto found = calls_.find(call.number());
  reactor_.poller().retire(std::move(found->second));
  calls_.erase(found);
  if (socket && !somebody_waits() && idle_.size() < kMaxIdle) keep(std::move(socket));
  release_if_idle();
}

bool ServerLink::somebody_waits() const {
  return std::any_of(calls_.begin(), calls_.end(), [](const auto& entry) { return entry.second->waits(); });
}

void ServerLink::keep(UniqueFd socket) {
  idle_.push_back(std::make_unique<Idle>(*this, std::move(socket)));
  reactor_.arm(*this, kIdleTime);
}

void ServerLink::on_timeout() {
  drop_idle();
  release_if_idle();
}

void ServerLink::drop_idle() {
  for (auto& idle : idle_) {
    idle->take().reset();
    reactor_.poller().retire(std::move(idle));
  }
  idle_.clear();
}

void ServerLink::drop(Idle& idle) {
  auto found = std::find_if(idle_.begin(), idle_.end(), [&](const auto& each) { return each.get() == &idle; });
  if (found == idle_.end()) return;
  reactor_.poller().retire(std::move(*found));
  idle_.erase(found);
  release_if_idle();
}

void ServerLink::release_if_idle() {
  if (!calls_.empty() || !idle_.empty() || std::exchange(released_, true)) return;
  reactor_.disarm(*this);
  owner_.on_link_idle(*this);
}

}  // namespace bimodal::gateway

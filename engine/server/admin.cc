#include "server/admin.h"

#include <arpa/inet.h>

#include <map>
#include <vector>

#include "http/listener.h"
#include "http/reactor.h"
#include "http/server_connection.h"
#include "http/target.h"

namespace bimodal::server {
namespace {

constexpr http::ConnectionLimits kLimits{
    .max_head_bytes = 8 * 1024, .head_timeout = std::chrono::seconds(5), .idle_timeout = std::chrono::minutes(2)};

// An address, "localhost", or nothing at all (HTTP/1.0).
bool is_safe_host(std::string_view host) {
  const std::string name(http::host_without_port(host));
  if (name.empty() || name == "localhost") return true;
  in6_addr parsed;
  if (name.front() != '[') return ::inet_pton(AF_INET, name.c_str(), &parsed) == 1;
  return name.back() == ']' && ::inet_pton(AF_INET6, name.substr(1, name.size() - 2).c_str(), &parsed) == 1;
}

void answer(http::Caller& client, int status, std::string_view body) {
  const http::Field fields[] = {{"content-type", "text/plain; charset=utf-8"}};
  client.reply(status, fields, body);
}

}  // namespace

class Admin::Door final : public http::Service {
 public:
  Door(Loop& loop, UniqueFd socket, std::uint16_t port, Write write)
      : reactor_(loop), port_(port), write_(std::move(write)) {
    auto may_accept = [this] { return connections_.size() < kMaxConnections; };
    auto on_accept = [this](UniqueFd caller, const http::Address& peer) { accept(std::move(caller), peer); };
    listener_ = std::make_unique<http::Listener>(reactor_, std::move(socket), may_accept, on_accept);
  }

  ~Door() {
    listener_.reset();
    std::vector<http::Connection*> open;
    for (auto& [connection, owned] : connections_) open.push_back(connection);
    for (http::Connection* connection : open) connection->cut();
  }

  std::uint16_t port() const { return port_; }

 private:
  void accept(UniqueFd socket, const http::Address& peer) {
    auto connection = std::make_unique<http::ServerConnection>(reactor_, std::move(socket), peer, *this, kLimits);
    http::ServerConnection& accepted = *connection;
    connections_.emplace(&accepted, std::move(connection));
    accepted.start();
  }

  void on_request(http::Caller& client, const http::RequestHead& head) override {
    if (!is_safe_host(head.host)) {
      return answer(client, 421, "Host must be an address or localhost: a name may have been pointed here by others\n");
    }
    const bool is_metrics = head.path == "/metrics";
    if (!is_metrics && head.path != "/healthz") return answer(client, 404, "there is /metrics, and /healthz\n");
    if (head.method != "GET" && head.method != "HEAD") return refuse_method(client);
    if (!is_metrics) return answer(client, 200, "ok\n");
    metrics::Page page;
    write_(page);
    const http::Field fields[] = {{"content-type", "text/plain; version=0.0.4; charset=utf-8"}};
    client.reply(200, fields, page.text());
  }

  static void refuse_method(http::Caller& client) {
    const http::Field fields[] = {{"content-type", "text/plain; charset=utf-8"}, {"allow", "GET, HEAD"}};
    client.reply(405, fields, "only GET and HEAD\n");
  }

  void on_bad_request(http::Caller& client, int status, std::string_view reason) override {
    answer(client, status, std::string(reason) + "\n");
  }

  void on_closed(http::Connection& connection) override {
    auto found = connections_.find(&connection);
    reactor_.poller().retire(std::move(found->second));
    connections_.erase(found);
  }

  http::Reactor reactor_;
  const std::uint16_t port_;
  const Write write_;
  std::unique_ptr<http::Listener> listener_;
  std::map<http::Connection*, std::unique_ptr<http::Connection>> connections_;
};

Result<std::unique_ptr<Admin>> Admin::listen(Loop& loop, const std::string& text, Write write) {
  TRY(http::Address address, http::parse_address(text));
  TRY_VOID(http::check_free(address));
  return join(loop, text, std::move(write));
}

Result<std::unique_ptr<Admin>> Admin::join(Loop& loop, const std::string& text, Write write) {
  TRY(http::Address address, http::parse_address(text));
  TRY(UniqueFd socket, http::listen_on(address));
  TRY(address, http::bound_address(socket.get()));
  auto door = std::make_unique<Door>(loop, std::move(socket), address.port(), std::move(write));
  return std::unique_ptr<Admin>(new Admin(std::move(door)));
}

Admin::Admin(std::unique_ptr<Door> door) : door_(std::move(door)) {}

Admin::~Admin() = default;

std::uint16_t Admin::port() const {
  return door_->port();
}

}  // namespace bimodal::server

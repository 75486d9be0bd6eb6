// A whole server connection: whatever comes, however it is cut, the same requests are found in it, and what is answered
// is a row of responses, one for each.
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "async/loop.h"
#include "base/unique_fd.h"
#include "http/reactor.h"
#include "http/server_connection.h"

namespace {

using namespace bimodal;
using namespace bimodal::http;

void require(bool condition) {
  if (!condition) std::abort();
}

// Notes every request and its body as far as it came. Paths that begin with /e are answered before the body is read.
class NotingService final : public Service, private Responder {
 public:
  explicit NotingService(std::size_t grant) : grant_(grant) {}

  void on_request(Caller& connection, const RequestHead& head) override {
    connection_ = &connection;
    noted.push_back(std::string(head.method) + " " + std::string(head.host) + " " + std::string(head.path) + "\n");
    for (const Field& field : head.fields) noted.back().append(field.name).append(":").append(field.value).append("\n");
    connection.send_continue();
    if (!head.has_body() || head.path.starts_with("/e")) return answer();
    connection.attach(*this);
    connection.grant_body(grant_);
  }

  void on_bad_request(Caller& connection, int status, std::string_view reason) override {
    require(status >= 400 && !reason.empty());
    noted.push_back("bad " + std::to_string(status));
    connection.reply(status, {}, reason);
  }

  void on_closed(Connection&) override { closed = true; }

  std::vector<std::string> noted;
  bool closed = false;

 private:
  void answer() {
    const Field trailer[] = {{"x-sum", "1"}};
    require(connection_->begin_response({.status = 200, .fields = {}, .extra = {}}));
    connection_->write("answer");
    connection_->finish(trailer);
  }

  void on_body(std::string_view bytes, Part part) override {
    require(bytes.size() <= grant_);
    noted.back().append(bytes);
    if (part == Part::Last) return answer();
    connection_->grant_body(bytes.size());
  }

  void on_gone() override { noted.back().append(" gone"); }

  Caller* connection_ = nullptr;
  std::size_t grant_;
};

struct Served {
  std::vector<std::string> noted;
  std::string answers;
};

Loop& loop() {
  static Loop the("fuzz");
  return the;
}

void drain(int peer, std::string& into) {
  char buffer[65536];
  for (ssize_t got; (got = ::recv(peer, buffer, sizeof buffer, MSG_DONTWAIT)) > 0;) {
    into.append(buffer, static_cast<std::size_t>(got));
  }
}

Served serve(std::string_view bytes, std::size_t piece, std::size_t grant) {
  static const ConnectionLimits limits{.max_head_bytes = 4096};
  static Reactor reactor(loop());
  int ends[2];
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
  UniqueFd peer(ends[0]);
  NotingService service(grant);
  ServerConnection connection(reactor, UniqueFd(ends[1]), Address(), service, limits);
  connection.start();
  Served served;
  while (!bytes.empty() && !service.closed) {
    const ssize_t sent = ::send(peer.get(), bytes.data(), std::min(piece, bytes.size()), MSG_NOSIGNAL);
    if (sent <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
    loop().context().poll();
    drain(peer.get(), served.answers);
  }
  ::shutdown(peer.get(), SHUT_WR);
  loop().context().poll();
  drain(peer.get(), served.answers);
  if (!service.closed) connection.cut();
  loop().context().poll();
  served.noted = std::move(service.noted);
  return served;
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; at += what.size()) ++found;
  return found;
}

}  // namespace

// The first two bytes say how the rest is cut and how much of a body is asked for at a time.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3 || size > 16 * 1024) return 0;
  const std::size_t piece = 1 + data[0];
  const std::size_t grant = 1 + data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  const Served whole = serve(bytes, bytes.size(), grant);
  const Served cut = serve(bytes, piece, grant);
  require(whole.noted == cut.noted);
  require(count(whole.answers, "HTTP/1.1 ") <= 2 * whole.noted.size());  // each with a "100 Continue" at most
  require(whole.answers.empty() || whole.answers.starts_with("HTTP/1.1 "));
  return 0;
}

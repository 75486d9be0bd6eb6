// A whole HTTP/2 connection: whatever comes, however it is cut, the same requests with the same bodies are found in it.
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
#include "http/http2_connection.h"
#include "http/reactor.h"
#include "http/server_connection.h"

namespace {

using namespace bimodal;
using namespace bimodal::http;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Noted {
  std::string head, body;
  bool ended = false;
};

// Of a request that its peer broke off, how much of the body was delivered by then may differ.
void require_same(const std::vector<Noted>& some, const std::vector<Noted>& others) {
  require(some.size() == others.size());
  for (std::size_t i = 0; i < some.size(); ++i) {
    require(some[i].head == others[i].head);
    require(!some[i].ended || !others[i].ended || some[i].body == others[i].body);
  }
}

// Notes every request and its body, and answers none: what was answered already depends on how the bytes are cut.
class NotingService final : public Service {
 public:
  explicit NotingService(std::size_t grant) : grant_(grant) {}

  void on_request(Caller& caller, const RequestHead& head) override {
    kept_.push_back(std::make_unique<Request>(*this, caller));
    std::string& text = kept_.back()->text;
    text = std::string(head.method) + " " + std::string(head.host) + " " + std::string(head.path) + "\n";
    for (const Field& field : head.fields) {
      require(field.name.find_first_of("\r\n:") == field.name.npos);
      require(field.value.find_first_of(std::string_view("\r\n\0", 3)) == field.value.npos);
      if (field.name != "sec-websocket-key") text.append(field.name).append(":").append(field.value).append("\n");
    }
    caller.attach(*kept_.back());
    if (head.wants_websocket) require(caller.switch_protocols("websocket", {}, {}));
    if (head.has_body() || head.wants_websocket) caller.grant_body(grant_);
  }

  void on_bad_request(Caller& caller, int status, std::string_view reason) override {
    require(status >= 400 && !reason.empty());
    kept_.push_back(std::make_unique<Request>(*this, caller));
    kept_.back()->text = "bad " + std::to_string(status);
    caller.attach(*kept_.back());
  }

  void on_closed(Connection&) override { closed = true; }

  std::vector<Noted> noted() const {
    std::vector<Noted> all;
    for (const auto& request : kept_) all.push_back({request->text, request->body, request->ended});
    return all;
  }

  bool closed = false;

 private:
  struct Request final : Responder {
    Request(NotingService& service, Caller& caller) : service(service), caller(caller) {}
    void on_body(std::string_view bytes, Part part) override {
      require(!gone && !ended && bytes.size() <= service.grant_);
      body.append(bytes);
      ended = part == Part::Last;
      if (!ended) caller.grant_body(bytes.size());
    }
    void on_gone() override {
      require(!gone);
      gone = true;
    }
    NotingService& service;
    Caller& caller;
    std::string text, body;
    bool ended = false;
    bool gone = false;
  };

  const std::size_t grant_;
  std::vector<std::unique_ptr<Request>> kept_;
};

Loop& loop() {
  static Loop the("fuzz");
  return the;
}

void run(int peer) {
  char buffer[65536];
  loop().context().restart();
  loop().context().poll();
  while (::recv(peer, buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
  }
}

std::vector<Noted> serve(std::string_view bytes, std::size_t piece, std::size_t grant) {
  static const ConnectionLimits limits{.max_head_bytes = 512};
  static Reactor reactor(loop());
  int ends[2];
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
  UniqueFd peer(ends[0]);
  NotingService service(grant);
  auto connection =
      std::make_unique<Http2Connection>(reactor, Transport(UniqueFd(ends[1])), Address(), service, limits);
  connection->start(std::string(kHttp2Preface));
  while (!bytes.empty() && !service.closed) {
    const ssize_t sent = ::send(peer.get(), bytes.data(), std::min(piece, bytes.size()), MSG_NOSIGNAL);
    if (sent <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
    run(peer.get());
  }
  for (int i = 0; i < 64; ++i) run(peer.get());  // what was granted in small pieces
  if (!service.closed) connection->cut();
  run(peer.get());
  return service.noted();
}

}  // namespace

// The first two bytes say how the rest, behind the preface, is cut, and how much of a body is asked for at a time.
// Short enough that no bound on streams is met, which depends on what has been said meanwhile.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3 || size > 1024) return 0;
  const std::size_t piece = 1 + data[0];
  const std::size_t grant = 16 + data[1];
  const std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  require_same(serve(bytes, bytes.size(), grant), serve(bytes, piece, grant));
  return 0;
}

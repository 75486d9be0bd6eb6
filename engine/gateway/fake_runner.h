// A runner for tests and measurements: speaks wire frames on a Unix socket, and answers by the path of the request.
//
// Runs on a thread of its own from construction to destruction. Paths:
//   /hello       200 "hello"                           /echo       the request's body, once it is whole
//   /head        the request's head as lines           /sink       reads under credit, answers how many bytes came
//   /chunks      "one" and "two" in frames of their own /big?N      N bytes under credit
//   /silent      no answer until cancelled             /deaf       no answer, and no credit for the body
//   /stuck       no answer, not even to a Cancel
//   /abort       Abort before a response               /cut        half a response, then Abort
//   /crash       closes the socket                     /done       Done without a response
//   /overrun     sends beyond its credit               /evil       a header that would end a line
//   /trailers    "body", then the trailer x-sum: 4     /status?N   status N, without a body
//   /socket     a WebSocket that echoes               /refuse    a WebSocket that is closed, not accepted
//   /close       200 "bye" with Connection: close      /length?N   states a length of N, sends "hello"
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/unique_fd.h"
#include "wire/frame.h"
#include "wire/head.h"

namespace bimodal::gateway {

class FakeRunner {
 public:
  explicit FakeRunner(std::string path) : path_(std::move(path)), wake_(::eventfd(0, EFD_CLOEXEC)) {
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    CHECK(path_.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path_.data(), path_.size());
    ::unlink(path_.c_str());
    CHECK(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(::listen(listener_.get(), 64) == 0);
    thread_ = std::thread([this] { run(); });
  }

  ~FakeRunner() {
    stopping_ = true;
    const std::uint64_t one = 1;
    CHECK(::write(wake_.get(), &one, sizeof one) == sizeof one);
    thread_.join();
    ::unlink(path_.c_str());
  }

  const std::string& path() const { return path_; }
  int requests() const { return requests_; }
  // The codes of the Close frames that came, in order.
  std::vector<std::uint32_t> closes() const {
    std::lock_guard lock(mutex_);
    return closes_;
  }
  // The reasons of the Cancel frames that came, in order.
  std::vector<std::uint32_t> cancels() const {
    std::lock_guard lock(mutex_);
    return cancels_;
  }
  // Reads nothing more from any socket while set.
  std::atomic<bool> paused = false;

 private:
  struct Stream {
    std::string path;
    std::string query;
    std::string head;
    std::string body;
    std::uint64_t received = 0;
    std::int64_t credit = wire::kInitialCredit;
    std::uint64_t left = 0;  // of /big
    bool whole = false;
  };

  struct Connection {
    UniqueFd socket;
    std::string in;
    std::string out;
    std::map<std::uint32_t, Stream> streams;
    bool dead = false;
  };

  void run() {
    while (!stopping_) {
      std::vector<pollfd> polled{{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
      for (auto& connection : connections_) {
        short events = paused ? 0 : POLLIN;
        if (!connection->out.empty()) events |= POLLOUT;
        polled.push_back({connection->socket.get(), events, 0});
      }
      ::poll(polled.data(), polled.size(), paused ? 10 : 1000);
      for (std::size_t i = 2; i < polled.size(); ++i) {
        if (polled[i].revents & POLLIN) read(*connections_[i - 2]);
        flush(*connections_[i - 2]);
      }
      std::erase_if(connections_, [](auto& connection) { return connection->dead; });
      if (polled[0].revents & POLLIN) accept();
    }
  }

  void accept() {
    auto connection = std::make_unique<Connection>();
    connection->socket = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    wire::append_frame(connection->out, {.type = wire::FrameType::Hello, .extra = wire::kVersion}, "ta-fake");
    flush(*connection);
    connections_.push_back(std::move(connection));
  }

  void read(Connection& connection) {
    char buffer[65536];
    const ssize_t received = ::recv(connection.socket.get(), buffer, sizeof buffer, 0);
    if (received <= 0) {
      connection.dead = received == 0 || errno != EAGAIN;
      return;
    }
    connection.in.append(buffer, static_cast<std::size_t>(received));
    std::string_view bytes = connection.in;
    while (bytes.size() >= wire::kHeaderSize && !connection.dead) {
      auto header = wire::decode_frame_header(bytes.data());
      CHECK(header.has_value());
      if (bytes.size() < wire::kHeaderSize + header->size) break;
      on_frame(connection, *header, bytes.substr(wire::kHeaderSize, header->size));
      bytes.remove_prefix(wire::kHeaderSize + header->size);
    }
    connection.in.erase(0, connection.in.size() - bytes.size());
  }

  void flush(Connection& connection) {
    if (connection.out.empty() || connection.dead) return;
    const ssize_t sent = ::send(connection.socket.get(), connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (sent > 0) connection.out.erase(0, static_cast<std::size_t>(sent));
    if (sent < 0 && errno != EAGAIN) connection.dead = true;
  }

  void on_frame(Connection& connection, const wire::FrameHeader& header, std::string_view payload) {
    const std::uint32_t number = header.stream;
    switch (header.type) {
      case wire::FrameType::Request:
        return on_request(connection, header, payload);
      case wire::FrameType::Body:
        return on_body(connection, number, payload, header.flags & wire::kEnd);
      case wire::FrameType::Credit:
        connection.streams[number].credit += header.extra;
        return continue_big(connection, number);
      case wire::FrameType::Text:
      case wire::FrameType::Binary:
        return on_message(connection, header, payload);
      case wire::FrameType::Close: {
        std::lock_guard lock(mutex_);
        closes_.push_back(header.extra);
        return done(connection, number);
      }
      case wire::FrameType::Cancel: {
        {
          std::lock_guard lock(mutex_);
          cancels_.push_back(header.extra);
        }
        auto found = connection.streams.find(number);
        if (found != connection.streams.end() && found->second.path != "/stuck") done(connection, number);
        return;
      }
      default:
        return;
    }
  }

  void on_request(Connection& connection, const wire::FrameHeader& header, std::string_view payload) {
    ++requests_;
    wire::RequestHead& head = head_;
    CHECK(wire::decode(payload.substr(0, header.extra), head));
    Stream& stream = connection.streams[header.stream];
    stream.path = head.raw_path;
    stream.query = head.query;
    if (stream.path == "/head") stream.head = describe(head);
    if (begin_socket(connection, header.stream, stream.path)) return;
    if (answer_at_once(connection, header.stream, stream)) return;
    on_body(connection, header.stream, payload.substr(header.extra), header.flags & wire::kEnd);
  }

  static std::string describe(const wire::RequestHead& head) {
    std::string text;
    auto line = [&text](std::string_view name, std::string_view value) {
      text.append(name).append("=").append(value).append("\n");
    };
    line("method", head.method);
    line("path", head.raw_path);
    line("query", head.query);
    line("web_method", head.web_method);
    line("request_id", head.request_id);
    line("client_host", head.client_host);
    line("server_host", head.server_host);
    line("version", std::to_string(head.http_version));
    for (const wire::Header& header : head.headers) line(header.name, header.value);
    return text;
  }

  // True when the answer needs nothing of the request's body.
  bool answer_at_once(Connection& connection, std::uint32_t number, Stream& stream) {
    const std::string& path = stream.path;
    if (path == "/deaf" || path == "/stuck") return true;
    if (path == "/silent") return false;
    if (path == "/crash") {
      connection.dead = true;
    } else if (path == "/abort") {
      frame(connection, number, wire::FrameType::Abort, 0, "ValueError: no\nsecond line");
      done(connection, number);
    } else if (path == "/cut") {
      respond(connection, number, 200, {}, "half", false);
      frame(connection, number, wire::FrameType::Abort, 0, "ValueError: no");
      done(connection, number);
    } else if (path == "/done") {
      done(connection, number);
    } else if (path == "/overrun") {
      respond(connection, number, 200, {}, "", false);
      for (int i = 0; i < 512; ++i) frame(connection, number, wire::FrameType::Body, 0, std::string(65536, 'x'));
    } else if (path == "/evil") {
      respond(connection, number, 200, {{"x-a", "b\r\nset-cookie: c"}}, "", true);
      done(connection, number);
    } else if (path == "/big") {
      stream.left = std::stoull(stream.query);
      respond(connection, number, 200, {}, "", false);
      continue_big(connection, number);
    } else {
      return false;
    }
    return true;
  }

  // Echoes, but ends as the text says: "close" by itself, "return" with its task, "abort" with an exception, "crash"
  // with its process, "overrun" beyond its credit.
  void on_message(Connection& connection, const wire::FrameHeader& header, std::string_view payload) {
    const std::uint32_t number = header.stream;
    if (payload == "close") return frame(connection, number, wire::FrameType::Close, 4001, "enough");
    if (payload == "return") return done(connection, number);
    if (payload == "crash") connection.dead = true;
    if (payload == "abort") {
      frame(connection, number, wire::FrameType::Abort, 0, "ValueError: no");
      return done(connection, number);
    }
    for (int i = 0; payload == "overrun" && i < 8; ++i) {
      frame(connection, number, wire::FrameType::Binary, 0, std::string(65536, 'x'), wire::kEnd);
    }
    const auto cost = static_cast<std::uint32_t>(payload.size() + wire::kMessageCost);
    frame(connection, number, wire::FrameType::Credit, cost, "");
    frame(connection, number, header.type, 0, payload, header.flags);
  }

  // True for a WebSocket, which has no body.
  bool begin_socket(Connection& connection, std::uint32_t number, const std::string& path) {
    if (head_.kind != wire::RequestKind::WebSocket) return false;
    if (path == "/socket") {
      std::string accept;
      CHECK(wire::encode(wire::AcceptHead{.subprotocol = "chat", .headers = {{"x-mine", "1"}}}, accept));
      frame(connection, number, wire::FrameType::Accept, 0, accept);
    } else if (path == "/refuse") {
      frame(connection, number, wire::FrameType::Close, 1000, "");
      done(connection, number);
    } else {
      return false;
    }
    return true;
  }

  void on_body(Connection& connection, std::uint32_t number, std::string_view bytes, bool end) {
    auto found = connection.streams.find(number);
    if (found == connection.streams.end()) return;
    Stream& stream = found->second;
    stream.received += bytes.size();
    if (stream.path == "/echo") stream.body.append(bytes);
    if (!bytes.empty() && stream.path != "/deaf" && !end) {
      frame(connection, number, wire::FrameType::Credit, static_cast<std::uint32_t>(bytes.size()), "");
    }
    stream.whole |= end;
    if (stream.whole && stream.path != "/silent" && stream.path != "/deaf" && stream.path != "/big") {
      answer(connection, number, stream);
      done(connection, number);
    }
  }

  void answer(Connection& connection, std::uint32_t number, Stream& stream) {
    const std::string& path = stream.path;
    if (path == "/hello") return respond(connection, number, 200, {{"content-type", "text/plain"}}, "hello", true);
    if (path == "/echo") return respond_long(connection, number, stream.body);
    if (path == "/head") return respond(connection, number, 200, {}, stream.head, true);
    if (path == "/sink") return respond(connection, number, 200, {}, std::to_string(stream.received), true);
    if (path == "/status") return respond(connection, number, std::stoi(stream.query), {}, "", true);
    if (path == "/close") return respond(connection, number, 200, {{"Connection", "close"}}, "bye", true);
    if (path == "/length") return respond(connection, number, 200, {{"Content-Length", stream.query}}, "hello", true);
    if (path == "/chunks") {
      respond(connection, number, 200, {}, "one", false);
      return frame(connection, number, wire::FrameType::Body, 0, "two", wire::kEnd);
    }
    if (path == "/trailers") {
      respond(connection, number, 200, {}, "body", false);
      std::string encoded;
      CHECK(wire::encode(wire::Headers{{"x-sum", "4"}}, encoded));
      frame(connection, number, wire::FrameType::Trailers, 0, encoded);
      return frame(connection, number, wire::FrameType::Body, 0, "", wire::kEnd);
    }
    respond(connection, number, 404, {}, "no such path", true);
  }

  void respond_long(Connection& connection, std::uint32_t number, std::string_view body) {
    respond(connection, number, 200, {}, body.substr(0, wire::kMaxInlineBody), body.size() <= wire::kMaxInlineBody);
    for (body.remove_prefix(std::min<std::size_t>(body.size(), wire::kMaxInlineBody)); !body.empty();) {
      const std::string_view piece = body.substr(0, wire::kMaxInlineBody);
      body.remove_prefix(piece.size());
      frame(connection, number, wire::FrameType::Body, 0, piece, body.empty() ? wire::kEnd : 0);
    }
  }

  void continue_big(Connection& connection, std::uint32_t number) {
    static const std::string kBlock(wire::kMaxInlineBody, 'b');
    auto found = connection.streams.find(number);
    if (found == connection.streams.end() || found->second.path != "/big") return;
    Stream& stream = found->second;
    while (stream.left > 0 && stream.credit > 0) {
      const auto size =
          std::min<std::uint64_t>({stream.left, static_cast<std::uint64_t>(stream.credit), kBlock.size()});
      stream.left -= size;
      stream.credit -= static_cast<std::int64_t>(size);
      const std::uint8_t flags = stream.left == 0 ? wire::kEnd : 0;
      frame(connection, number, wire::FrameType::Body, 0, std::string_view(kBlock).substr(0, size), flags);
    }
    if (stream.left == 0) done(connection, number);
  }

  void respond(
      Connection& connection, std::uint32_t number, int status, wire::Headers headers, std::string_view body,
      bool end) {
    wire::ResponseHead head{.status = static_cast<std::uint16_t>(status), .headers = std::move(headers)};
    std::string& payload = payload_;
    payload.clear();
    CHECK(wire::encode(head, payload));
    const auto head_size = static_cast<std::uint32_t>(payload.size());
    payload.append(body);
    frame(connection, number, wire::FrameType::Response, head_size, payload, end ? wire::kEnd : 0);
  }

  void frame(
      Connection& connection, std::uint32_t number, wire::FrameType type, std::uint32_t extra, std::string_view payload,
      std::uint8_t flags = 0) {
    wire::append_frame(connection.out, {.stream = number, .type = type, .flags = flags, .extra = extra}, payload);
  }

  void done(Connection& connection, std::uint32_t number) {
    connection.streams.erase(number);
    frame(connection, number, wire::FrameType::Done, 0, "");
  }

  std::string path_;
  UniqueFd listener_;
  UniqueFd wake_;
  std::vector<std::unique_ptr<Connection>> connections_;
  wire::RequestHead head_;
  std::string payload_;
  std::atomic<int> requests_ = 0;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::vector<std::uint32_t> cancels_;
  std::vector<std::uint32_t> closes_;
  std::thread thread_;
};

}  // namespace bimodal::gateway

// For tests of HTTP/2: a service that answers by path, and a peer that tells in one line what came back. One thread:
// the loop runs while the peer waits for it.
#pragma once

#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/loop.h"
#include "base/check.h"
#include "http/http2_connection.h"
#include "http/http2_test_frames.h"

namespace bimodal::http::h2 {

// --- the service ---

// By path: /now at once; /echo with the body when it is whole; /head with what was understood of the request; /early
// without reading the body; /stall reads none and never answers; /stream as much as is read, without end; /big one
// megabyte; /trailers; /short less than it says; /abort in the middle; /socket a WebSocket that echoes bytes.
class Answers final : public Service {
 public:
  struct Request final : Responder {
    void on_body(std::string_view bytes, Part part) override {
      if (part == Part::Last) ++answers->last_parts;
      if (socket) {
        if (bytes == "bye") return caller->finish();
        caller->write(bytes);
        return caller->grant_body(bytes.size());
      }
      body.append(bytes);
      if (part == Part::Last) return caller->reply(200, {}, body);
      if (!bytes.empty()) caller->grant_body(bytes.size());
    }
    void on_sent() override { stream(); }
    void on_gone() override { ++answers->gone; }
    void stream() {
      while (streaming && caller->unsent() < 64 * 1024) caller->write(std::string(16 * 1024, 's'));
    }
    Answers* answers = nullptr;
    Caller* caller = nullptr;
    std::string body;
    bool streaming = false;
    bool socket = false;
  };

  void on_request(Caller& caller, const RequestHead& head) override {
    ++requests;
    if (head.path == "/now") return caller.reply(200, {}, "now");
    if (head.path == "/head") return caller.reply(200, {}, text_of(head));
    if (head.path == "/early") return caller.reply(403, {}, "early");
    if (head.path == "/big") return caller.reply(200, {}, std::string(1 << 20, 'b'));
    if (head.path == "/short" || head.path == "/abort") {
      const Field length[] = {{"content-length", "10"}};
      caller.begin_response({.status = 200, .fields = length, .extra = {}});
      caller.write("half");
      return head.path == "/short" ? caller.finish() : caller.abort();
    }
    if (head.path == "/trailers") {
      const Field trailers[] = {{"X-Sum", "7"}, {"content-length", "9"}};
      caller.begin_response({.status = 200, .fields = {}, .extra = {}});
      caller.write("body");
      return caller.finish(trailers);
    }
    attend(caller, head);
  }

  void on_bad_request(Caller& caller, int status, std::string_view reason) override {
    caller.reply(status, {}, reason);
  }

  void on_closed(Connection&) override { closed = true; }

  int requests = 0;
  int gone = 0;
  int last_parts = 0;
  bool closed = false;
  std::map<std::string, Request*> by_path;

 private:
  void attend(Caller& caller, const RequestHead& head) {
    kept_.push_back(std::make_unique<Request>());
    Request& request = *kept_.back();
    request.answers = this;
    request.caller = &caller;
    by_path[std::string(head.path)] = &request;
    caller.attach(request);
    if (head.path == "/socket") {
      const Field fields[] = {{"sec-websocket-accept", "x"}, {"x-mine", "1"}};
      request.socket = caller.switch_protocols("websocket", fields, {});
      CHECK(request.socket == head.wants_websocket);
      if (!request.socket) return caller.reply(400, {}, "no socket");
      return caller.grant_body(1 << 20);
    }
    if (head.path == "/stream") {
      caller.begin_response({.status = 200, .fields = {}, .extra = {}});
      request.streaming = true;
      return request.stream();
    }
    if (head.path != "/echo") return;
    caller.send_continue();
    if (!head.has_body()) return caller.reply(200, {}, "empty");
    caller.grant_body(64 * 1024);
  }

  static std::string text_of(const RequestHead& head) {
    std::string text = std::string(head.method) + " " + std::string(head.path) + "?" + std::string(head.query) + " " +
                       std::string(head.host);
    for (const Field& field : head.fields) text += "|" + std::string(field.name) + "=" + std::string(field.value);
    return text;
  }

  std::vector<std::unique_ptr<Request>> kept_;
};

// --- the peer ---

class Peer2 {
 public:
  explicit Peer2(ConnectionLimits limits = {})
      : limits_(limits), loop_("h2"), reactor_(std::make_unique<Reactor>(loop_)) {
    int ends[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    peer_ = UniqueFd(ends[0]);
    connection_ =
        std::make_unique<Http2Connection>(*reactor_, Transport(UniqueFd(ends[1])), Address(), answers, limits_);
    connection_->start();
    nghttp2_hd_inflate_new(&inflater_);
  }
  ~Peer2() {
    if (!answers.closed) connection_->cut();
    run();
    connection_.reset();
    reactor_.reset();
    nghttp2_hd_inflate_del(inflater_);
  }

  // All of it, as the other side reads on; then what comes back is read, unless `reads` is off.
  void send(std::string_view bytes) {
    while (!bytes.empty() && !answers.closed) {
      const ssize_t sent = ::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) break;
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      run();
    }
    run();
  }

  void run() {
    for (int i = 0; i < 8; ++i) {
      loop_.context().restart();
      loop_.context().poll();
      if (reads) receive();
    }
  }

  // "1:200", "1:end" and "1:rst=CODE", "goaway=CODE", "ping", "closed", in the order in which they came.
  const std::string& told() const { return told_; }
  bool tells(std::string_view what) const {
    return (" " + told_ + " ").find(" " + std::string(what) + " ") != told_.npos;
  }
  std::string body(std::uint32_t stream) { return bodies_[stream]; }
  std::string field(std::uint32_t stream, const std::string& name) { return fields_[stream][name]; }
  Http2Connection& connection() { return *connection_; }

  Answers answers;
  bool reads = true;

 private:
  void tell(const std::string& what) { told_ += (told_.empty() ? "" : " ") + what; }

  void receive() {
    char buffer[65536];
    ssize_t got;
    while ((got = ::recv(peer_.get(), buffer, sizeof buffer, 0)) > 0)
      received_.append(buffer, static_cast<std::size_t>(got));
    if (got == 0 && !std::exchange(ended_, true)) tell("closed");
    while (received_.size() >= 9) {
      const std::size_t size = value(received_, 3);
      if (received_.size() < 9 + size) return;
      take(
          received_[3], received_[4], static_cast<std::uint32_t>(value(received_.substr(5), 4)),
          received_.substr(9, size));
      received_.erase(0, 9 + size);
    }
  }

  static std::size_t value(std::string_view bytes, std::size_t size) {
    std::size_t result = 0;
    for (std::size_t i = 0; i < size; ++i) result = result << 8 | static_cast<unsigned char>(bytes[i]);
    return result;
  }

  void take(int type, int flags, std::uint32_t stream, const std::string& payload) {
    const std::string name = std::to_string(stream) + ":";
    if (type == kHeaders) inflate(stream, payload);
    if (type == kData) bodies_[stream] += payload;
    if ((type == kHeaders || type == kData) && (flags & kEnd)) tell(name + "end");
    if (type == kReset) tell(name + "rst=" + std::to_string(value(payload, 4)));
    if (type == kGoaway) tell("goaway=" + std::to_string(value(payload.substr(4), 4)));
    if (type == kPing && (flags & kAck)) tell("ping");
    if (type == kPing && !(flags & kAck)) tell("pinged");
    if (type == kSettings && (flags & kAck)) tell("ack");
    if (type == kWindow) tell(name + "window");
  }

  void inflate(std::uint32_t stream, const std::string& payload) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(payload.data());
    std::size_t left = payload.size();
    while (true) {
      nghttp2_nv field;
      int flags = 0;
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, left, 1);
      CHECK(used >= 0);
      at += used;
      left -= static_cast<std::size_t>(used);
      if (flags & NGHTTP2_HD_INFLATE_EMIT) {
        const std::string name(reinterpret_cast<char*>(field.name), field.namelen);
        const std::string text(reinterpret_cast<char*>(field.value), field.valuelen);
        fields_[stream][name] = text;
        if (name == ":status") tell(std::to_string(stream) + ":" + text);
      }
      if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
  }

  const ConnectionLimits limits_;
  Loop loop_;
  std::unique_ptr<Reactor> reactor_;
  UniqueFd peer_;
  std::unique_ptr<Http2Connection> connection_;
  nghttp2_hd_inflater* inflater_ = nullptr;
  std::string received_, told_;
  std::map<std::uint32_t, std::string> bodies_;
  std::map<std::uint32_t, std::map<std::string, std::string>> fields_;
  bool ended_ = false;
};

}  // namespace bimodal::http::h2

// What a FakeRunner answers, by the path of the request:
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

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "gateway/fake_connection.h"

namespace bimodal::gateway {

class FakeAnswers {
 public:
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

  void on_frame(FakeConnection& connection, const wire::FrameHeader& header, std::string_view payload) {
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
        return connection.done(number);
      }
      case wire::FrameType::Cancel: {
        {
          std::lock_guard lock(mutex_);
          cancels_.push_back(header.extra);
        }
        auto found = connection.streams.find(number);
        if (found != connection.streams.end() && found->second.path != "/stuck") connection.done(number);
        return;
      }
      default:
        return;
    }
  }

 private:
  void on_request(FakeConnection& connection, const wire::FrameHeader& header, std::string_view payload) {
    ++requests_;
    wire::RequestHead& head = head_;
    CHECK(wire::decode(payload.substr(0, header.extra), head));
    FakeConnection::Stream& stream = connection.streams[header.stream];
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
  bool answer_at_once(FakeConnection& connection, std::uint32_t number, FakeConnection::Stream& stream) {
    const std::string& path = stream.path;
    if (path == "/deaf" || path == "/stuck") return true;
    if (path == "/silent") return false;
    if (path == "/crash") {
      connection.dead = true;
    } else if (path == "/abort") {
      connection.frame(number, wire::FrameType::Abort, 0, "ValueError: no\nsecond line");
      connection.done(number);
    } else if (path == "/cut") {
      connection.respond(number, 200, {}, "half", false);
      connection.frame(number, wire::FrameType::Abort, 0, "ValueError: no");
      connection.done(number);
    } else if (path == "/done") {
      connection.done(number);
    } else if (path == "/overrun") {
      connection.respond(number, 200, {}, "", false);
      for (int i = 0; i < 512; ++i) connection.frame(number, wire::FrameType::Body, 0, std::string(65536, 'x'));
    } else if (path == "/evil") {
      connection.respond(number, 200, {{"x-a", "b\r\nset-cookie: c"}}, "", true);
      connection.done(number);
    } else if (path == "/big") {
      stream.left = std::stoull(stream.query);
      connection.respond(number, 200, {}, "", false);
      continue_big(connection, number);
    } else {
      return false;
    }
    return true;
  }

  // Echoes, but ends as the text says: "close" by itself, "return" with its task, "abort" with an exception, "crash"
  // with its process, "overrun" beyond its credit.
  void on_message(FakeConnection& connection, const wire::FrameHeader& header, std::string_view payload) {
    const std::uint32_t number = header.stream;
    if (payload == "close") return connection.frame(number, wire::FrameType::Close, 4001, "enough");
    if (payload == "return") return connection.done(number);
    if (payload == "crash") connection.dead = true;
    if (payload == "abort") {
      connection.frame(number, wire::FrameType::Abort, 0, "ValueError: no");
      return connection.done(number);
    }
    for (int i = 0; payload == "overrun" && i < 8; ++i) {
      connection.frame(number, wire::FrameType::Binary, 0, std::string(65536, 'x'), wire::kEnd);
    }
    const auto cost = static_cast<std::uint32_t>(payload.size() + wire::kMessageCost);
    connection.frame(number, wire::FrameType::Credit, cost, "");
    connection.frame(number, header.type, 0, payload, header.flags);
  }

  // True for a WebSocket, which has no body.
  bool begin_socket(FakeConnection& connection, std::uint32_t number, const std::string& path) {
    if (head_.kind != wire::RequestKind::WebSocket) return false;
    if (path == "/socket") {
      std::string accept;
      CHECK(wire::encode(wire::AcceptHead{.subprotocol = "chat", .headers = {{"x-mine", "1"}}}, accept));
      connection.frame(number, wire::FrameType::Accept, 0, accept);
    } else if (path == "/refuse") {
      connection.frame(number, wire::FrameType::Close, 1000, "");
      connection.done(number);
    } else {
      return false;
    }
    return true;
  }

  void on_body(FakeConnection& connection, std::uint32_t number, std::string_view bytes, bool end) {
    auto found = connection.streams.find(number);
    if (found == connection.streams.end()) return;
    FakeConnection::Stream& stream = found->second;
    stream.received += bytes.size();
    if (stream.path == "/echo") stream.body.append(bytes);
    if (!bytes.empty() && stream.path != "/deaf" && !end) {
      connection.frame(number, wire::FrameType::Credit, static_cast<std::uint32_t>(bytes.size()), "");
    }
    stream.whole |= end;
    if (stream.whole && stream.path != "/silent" && stream.path != "/deaf" && stream.path != "/big") {
      answer(connection, number, stream);
      connection.done(number);
    }
  }

  void answer(FakeConnection& connection, std::uint32_t number, FakeConnection::Stream& stream) {
    const std::string& path = stream.path;
    if (path == "/hello") return connection.respond(number, 200, {{"content-type", "text/plain"}}, "hello", true);
    if (path == "/echo") return connection.respond_long(number, stream.body);
    if (path == "/head") return connection.respond(number, 200, {}, stream.head, true);
    if (path == "/sink") return connection.respond(number, 200, {}, std::to_string(stream.received), true);
    if (path == "/status") return connection.respond(number, std::stoi(stream.query), {}, "", true);
    if (path == "/close") return connection.respond(number, 200, {{"Connection", "close"}}, "bye", true);
    if (path == "/length") return connection.respond(number, 200, {{"Content-Length", stream.query}}, "hello", true);
    if (path == "/chunks") {
      connection.respond(number, 200, {}, "one", false);
      return connection.frame(number, wire::FrameType::Body, 0, "two", wire::kEnd);
    }
    if (path == "/trailers") {
      connection.respond(number, 200, {}, "body", false);
      std::string encoded;
      CHECK(wire::encode(wire::Headers{{"x-sum", "4"}}, encoded));
      connection.frame(number, wire::FrameType::Trailers, 0, encoded);
      return connection.frame(number, wire::FrameType::Body, 0, "", wire::kEnd);
    }
    connection.respond(number, 404, {}, "no such path", true);
  }

  void continue_big(FakeConnection& connection, std::uint32_t number) {
    static const std::string kBlock(wire::kMaxInlineBody, 'b');
    auto found = connection.streams.find(number);
    if (found == connection.streams.end() || found->second.path != "/big") return;
    FakeConnection::Stream& stream = found->second;
    while (stream.left > 0 && stream.credit > 0) {
      const auto size =
          std::min<std::uint64_t>({stream.left, static_cast<std::uint64_t>(stream.credit), kBlock.size()});
      stream.left -= size;
      stream.credit -= static_cast<std::int64_t>(size);
      const std::uint8_t flags = stream.left == 0 ? wire::kEnd : 0;
      connection.frame(number, wire::FrameType::Body, 0, std::string_view(kBlock).substr(0, size), flags);
    }
    if (stream.left == 0) connection.done(number);
  }

  wire::RequestHead head_;
  std::atomic<int> requests_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::uint32_t> cancels_;
  std::vector<std::uint32_t> closes_;
};

}  // namespace bimodal::gateway

#include "runtime/web_bridge.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "base/log.h"
#include "runtime/frame_io.h"

namespace bimodal::runtime {

namespace asio = boost::asio;

namespace {

constexpr std::uint32_t kTimedOut = 2;  // Cancel's `extra`, see wire/frame.h

}  // namespace

// One connection of the gateway. What it has to write is bounded by the credit of its streams.
class WebBridge::Connection final : public GatewaySide, public std::enable_shared_from_this<Connection> {
 public:
  Connection(WebBridge& bridge, FrameSocket socket)
      : bridge_(bridge), socket_(std::move(socket)), filled_(bridge.executor_) {}
  ~Connection() { close(); }

  // Both hold the connection, and end with it.
  static Task<void> read(std::shared_ptr<Connection> self) {
    while (auto frame = co_await read_frame(self->socket_)) {
      if (!self->handle(*frame)) break;
    }
    self->close();
  }

  static Task<void> write(std::shared_ptr<Connection> self) {
    while (!self->closed_) {
      if (self->unsent_.empty()) {
        if (!co_await self->filled_.wait(Deadline::never())) co_return;
        continue;
      }
      const std::string bytes = std::exchange(self->unsent_, {});
      boost::system::error_code failure;
      co_await asio::async_write(
          self->socket_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, failure));
      if (failure) self->close();
    }
  }

  void send(wire::FrameHeader header, std::string_view payload) override {
    if (closed_) return;
    wire::append_frame(unsent_, header, payload);
    filled_.notify_all();
  }

  void forget(std::uint32_t stream) override { requests_.erase(stream); }

 private:
  // False when the gateway broke the protocol.
  bool handle(const Frame& frame) {
    const wire::FrameHeader& header = frame.header;
    if (header.type == wire::FrameType::Ping) {
      send({.type = wire::FrameType::Pong, .extra = header.extra}, {});
      return true;
    }
    if (header.stream == 0) return header.type == wire::FrameType::Pong || header.type == wire::FrameType::Tally;
    if (header.type == wire::FrameType::Request) return begin(frame);
    auto found = requests_.find(header.stream);
    if (found == requests_.end()) return true;  // of a stream that has just ended
    const std::shared_ptr<WebRequest> request = found->second;
    switch (header.type) {
      case wire::FrameType::Body:
        return request->add_body(frame.payload, (header.flags & wire::kEnd) != 0);
      case wire::FrameType::Text:
      case wire::FrameType::Binary:
        return request->add_message(header.type, frame.payload, (header.flags & wire::kEnd) != 0);
      case wire::FrameType::Close:
        return bridge_.close(request, header.extra);
      case wire::FrameType::Credit:
        request->add_credit(header.extra);
        return true;
      case wire::FrameType::Cancel:
        bridge_.cancel(request, header.extra);
        return true;
      default:
        return false;
    }
  }

  bool begin(const Frame& frame) {
    const std::uint32_t stream = frame.header.stream;
    const std::size_t head_size = frame.header.extra;
    auto request = std::make_shared<WebRequest>(bridge_.executor_, *this, stream, frame.payload.substr(0, head_size));
    if (!request->good() || requests_.contains(stream)) return false;
    if (request->head().kind == wire::RequestKind::Tunnel) {
      request->end("the client's own web path takes no upgraded connections");
      return true;
    }
    const bool ends = (frame.header.flags & wire::kEnd) != 0;
    if (!request->add_body(std::string_view(frame.payload).substr(head_size), ends)) return false;
    requests_.emplace(stream, request);
    bridge_.add(std::move(request));
    return true;
  }

  void close() {
    if (std::exchange(closed_, true)) return;
    boost::system::error_code ignored;
    socket_.close(ignored);
    filled_.notify_all();
    auto requests = std::exchange(requests_, {});
    for (auto& [stream, request] : requests) {
      request->lose_gateway();
      bridge_.drop_if_waiting(request);
    }
  }

  WebBridge& bridge_;
  FrameSocket socket_;
  Pulse filled_;
  std::string unsent_;
  std::map<std::uint32_t, std::shared_ptr<WebRequest>> requests_;
  bool closed_ = false;
};

WebBridge::WebBridge(asio::any_io_executor executor, Scope& scope, std::function<void()> changed)
    : executor_(std::move(executor)), scope_(scope), changed_(std::move(changed)) {}

// Requests may be held by an RPC that is just ending: they must not look for the gateway any more.
WebBridge::~WebBridge() {
  for (auto& request : waiting_) request->lose_gateway();
  for (auto& [call_id, request] : taken_) request->lose_gateway();
}

void WebBridge::adopt(UniqueFd connection, std::string task_id) {
  FrameSocket socket(executor_);
  boost::system::error_code failure;
  socket.assign(asio::local::stream_protocol(), connection.get(), failure);
  if (failure) {
    log::warning("{}: a connection of the gateway is lost: {}", task_id, failure.message());
    return;
  }
  (void)connection.release();
  auto adopted = std::make_shared<Connection>(*this, std::move(socket));
  adopted->send({.type = wire::FrameType::Hello, .extra = wire::kVersion}, task_id);
  scope_.spawn(Connection::write(adopted));  // first: Hello goes out before anything is read
  scope_.spawn(Connection::read(adopted));
}

void WebBridge::add(std::shared_ptr<WebRequest> request) {
  waiting_.push_back(std::move(request));
  changed_();
}

std::shared_ptr<WebRequest> WebBridge::take() {
  if (waiting_.empty()) return nullptr;
  auto request = std::move(waiting_.front());
  waiting_.pop_front();
  taken_.emplace(request->call_id(), request);
  return request;
}

std::shared_ptr<WebRequest> WebBridge::find(const std::string& call_id) const {
  auto found = taken_.find(call_id);
  return found == taken_.end() ? nullptr : found->second;
}

bool WebBridge::end(const std::string& input_id, const std::string& failure) {
  constexpr std::size_t kPrefix = 3;  // "in-"; the call is "fc-" and the same
  if (input_id.size() < kPrefix) return false;
  auto found = taken_.find("fc-" + input_id.substr(kPrefix));
  if (found == taken_.end()) return false;
  found->second->end(failure);
  taken_.erase(found);
  return true;
}

void WebBridge::cancel(const std::shared_ptr<WebRequest>& request, std::uint32_t reason) {
  request->cancel();
  if (reason == kTimedOut && find(request->call_id())) timed_out_.push_back(request->input_id());
  drop_if_waiting(request);
  changed_();
}

// The caller of a WebSocket left.
bool WebBridge::close(const std::shared_ptr<WebRequest>& request, std::uint32_t code) {
  if (!request->close_by_caller(code)) return false;
  drop_if_waiting(request);
  changed_();
  return true;
}

// One that the container has not seen never will be.
void WebBridge::drop_if_waiting(const std::shared_ptr<WebRequest>& request) {
  if (std::erase(waiting_, request) > 0) request->end("");
}

std::vector<std::string> WebBridge::take_timed_out() {
  return std::exchange(timed_out_, {});
}

}  // namespace bimodal::runtime

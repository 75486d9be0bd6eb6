#include "runtime/runner_link.h"

#include <sys/socket.h>

#include <cerrno>
#include <charconv>

#include "base/log.h"

namespace bimodal::runtime {

namespace asio = boost::asio;

namespace {

// What is behind the task id: nothing, or a newline and microseconds in decimals.
RunnerLink::Greeting greeting_of(std::string_view rest) {
  RunnerLink::Greeting greeting;
  std::uint32_t microseconds = 0;
  if (rest.empty()) return greeting;
  const auto read = std::from_chars(rest.data() + 1, rest.data() + rest.size(), microseconds);
  if (read.ec == std::errc()) greeting.since_import = std::chrono::microseconds(microseconds);
  return greeting;
}

}  // namespace

RunnerLink::RunnerLink(asio::any_io_executor executor) : socket_(std::move(executor)) {}

void RunnerLink::adopt(UniqueFd connection) {
  socket_.assign(asio::local::stream_protocol(), connection.release());
}

Task<Result<RunnerLink::Greeting>> RunnerLink::greet(std::string task_id) {
  CO_TRY(Frame hello, co_await read_frame(socket_));
  if (hello.header.type != wire::FrameType::Hello) {
    co_return error(Code::Internal, "the runner began with frame type {}, not Hello", int(hello.header.type));
  }
  if (hello.header.extra != wire::kVersion) {
    co_return error(
        Code::Internal, "the runner speaks protocol version {}, this daemon {}: build the runtime layer again",
        hello.header.extra, wire::kVersion);
  }
  const std::string_view payload = hello.payload;
  const std::string_view task = payload.substr(0, payload.find('\n'));
  if (task != task_id) co_return error(Code::Internal, "the runner greets as another task than {}", task_id);
  greeted_ = true;
  co_return greeting_of(payload.substr(task.size()));
}

// The Hello comes in one piece. While greet() has its head and not yet its end, the end is still unread.
bool RunnerLink::has_spoken() {
  char byte;
  return greeted_ || ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

Task<void> RunnerLink::follow(std::function<void()> answered) {
  while (true) {
    auto frame = co_await read_frame(socket_);
    if (!frame) co_return;
    if (frame->header.type == wire::FrameType::Pong) answered();
    if (frame->header.type != wire::FrameType::Ping) continue;
    send({.type = wire::FrameType::Pong, .extra = frame->header.extra});
  }
}

void RunnerLink::ping() {
  if (greeted_) send({.type = wire::FrameType::Ping});
}

void RunnerLink::drain() {
  if (greeted_) send({.type = wire::FrameType::Drain});
}

void RunnerLink::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

// At once or not at all: this connection carries nothing else, so a full socket buffer means a runner that is stuck.
void RunnerLink::send(wire::FrameHeader header) {
  std::string frame;
  wire::append_frame(frame, header);
  ssize_t sent = ::send(socket_.native_handle(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(frame.size())) log::warning("a runner doesn't take its frames: {}", errno);
}

}  // namespace bimodal::runtime

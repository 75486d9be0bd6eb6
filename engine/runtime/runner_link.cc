#include "runtime/runner_link.h"

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"

namespace bimodal::runtime {

namespace asio = boost::asio;

RunnerLink::RunnerLink(asio::any_io_executor executor) : socket_(std::move(executor)) {}

Task<Result<void>> RunnerLink::greet(std::string path, std::string task_id) {
  boost::system::error_code failure;
  asio::local::stream_protocol::endpoint endpoint(path);
  co_await socket_.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return error(Code::Unavailable, "connect to the runner: {}", failure.message());
  CO_TRY(auto hello, co_await read());
  if (hello.header.type != wire::FrameType::Hello) {
    co_return error(Code::Internal, "the runner began with frame type {}, not Hello", int(hello.header.type));
  }
  if (hello.header.extra != wire::kVersion) {
    co_return error(
        Code::Internal, "the runner speaks protocol version {}, this daemon {}: build the runtime layer again",
        hello.header.extra, wire::kVersion);
  }
  if (hello.payload != task_id) co_return error(Code::Internal, "the runner greets as another task than {}", task_id);
  greeted_ = true;
  co_return Result<void>();
}

Task<void> RunnerLink::follow() {
  while (true) {
    auto frame = co_await read();
    if (!frame) co_return;
    if (frame->header.type != wire::FrameType::Ping) continue;
    send({.type = wire::FrameType::Pong, .extra = frame->header.extra});
  }
}

void RunnerLink::drain() {
  if (greeted_) send({.type = wire::FrameType::Drain});
}

Task<Result<RunnerLink::Frame>> RunnerLink::read() {
  boost::system::error_code failure;
  char bytes[wire::kHeaderSize];
  co_await asio::async_read(socket_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return error(Code::Unavailable, "read from the runner: {}", failure.message());
  auto header = wire::decode_frame_header(bytes);
  if (!header) co_return error(Code::Internal, "the runner sent a frame that breaks the protocol");
  Frame frame{*header, std::string(header->size, '\0')};
  co_await asio::async_read(socket_, asio::buffer(frame.payload), asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return error(Code::Unavailable, "read from the runner: {}", failure.message());
  co_return frame;
}

// At once or not at all: this connection carries nothing else, so a full socket buffer means a runner that is stuck.
void RunnerLink::send(wire::FrameHeader header) {
  std::string frame;
  wire::append_frame(frame, header);
  ssize_t sent = ::send(socket_.native_handle(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(frame.size())) log::warning("a runner doesn't take its frames: {}", errno);
}

}  // namespace bimodal::runtime

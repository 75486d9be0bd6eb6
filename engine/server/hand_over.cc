#include "server/hand_over.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "async/pulse.h"
#include "base/log.h"
#include "sandbox/packet.h"
#include "server/home_socket.h"

namespace bimodal::server {

namespace asio = boost::asio;
using nlohmann::json;

namespace {

constexpr const char* kName = "hand_over.sock";
constexpr std::chrono::seconds kSendPatience{5};
constexpr std::chrono::milliseconds kSendStep{100};
constexpr std::size_t kMaxInline = 8 * 1024;  // bytes of body; more are in a file
constexpr std::size_t kMaxBody = 1 << 20;

Result<HandOverMessage> read_message(sandbox::Packet packet) {
  HandOverMessage message;
  const std::size_t end = packet.bytes.find('\n');
  message.head = json::parse(packet.bytes.substr(0, end), nullptr, /*allow_exceptions=*/false);
  if (end == std::string::npos || !message.head.is_object() || !message.head.contains("say")) {
    return error(Code::Unavailable, "the other daemon speaks otherwise: do versions differ?");
  }
  message.say = message.head.value("say", "");
  message.body = packet.bytes.substr(end + 1);
  message.fds = std::move(packet.fds);
  if (message.head.value("file", false) && !message.fds.empty()) {
    TRY(message.body, sandbox::read_file(message.fds.back().get(), kMaxBody));
    message.fds.pop_back();
  }
  return message;
}

tl::unexpected<Error> gone() {
  return error(Code::Unavailable, "the other daemon has ended");
}

}  // namespace

HandOverChannel::HandOverChannel(UniqueFd socket) : socket_(std::move(socket)) {
  ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
}

Result<void> HandOverChannel::send(json head, std::string_view body, const std::vector<int>& fds) {
  if (broken_) return gone();
  std::vector<int> all = fds;
  UniqueFd file;
  if (body.size() > kMaxInline) {
    TRY(file, sandbox::memory_file("hand-over", body));
    all.push_back(file.get());
    head["file"] = true;
    body = {};
  }
  std::string bytes = head.dump(-1, ' ', false, json::error_handler_t::replace);
  bytes += '\n';
  bytes += body;
  const Deadline deadline = Deadline::after(kSendPatience);
  Result<void> sent = sandbox::send_packet(socket_.get(), bytes, all);
  while (!sent && sent.error().code == Code::ResourceExhausted && !deadline.passed()) {
    pollfd writable{socket_.get(), POLLOUT, 0};
    ::poll(&writable, 1, static_cast<int>(kSendStep.count()));
    sent = sandbox::send_packet(socket_.get(), bytes, all);
  }
  if (!sent) broken_ = true;
  return sent;
}

Result<HandOverMessage> HandOverChannel::receive_now(Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.point() - Deadline::Clock::now());
  pollfd ready{socket_.get(), POLLIN, 0};
  if (::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(0, left.count()))) <= 0) {
    return error(Code::DeadlineExceeded, "the other daemon doesn't answer");
  }
  sandbox::Received received = sandbox::receive_packet(socket_.get());
  if (!received.packet) return gone();
  return read_message(*std::move(received.packet));
}

Task<Result<HandOverMessage>> HandOverChannel::receive(Deadline deadline) {
  using asio::experimental::awaitable_operators::operator||;
  asio::posix::stream_descriptor readable(co_await asio::this_coro::executor, socket_.get());
  // Its owner is socket_, however this coroutine ends.
  const std::shared_ptr<void> lent(nullptr, [&readable](void*) { readable.release(); });
  while (true) {
    sandbox::Received received = sandbox::receive_packet(socket_.get());
    if (received.packet) co_return read_message(*std::move(received.packet));
    if (received.ended) co_return gone();
    boost::system::error_code cancelled;
    auto token = asio::redirect_error(asio::use_awaitable, cancelled);
    auto first = co_await (readable.async_wait(readable.wait_read, token) || sleep_until(deadline));
    if (first.index() != 0) co_return error(Code::DeadlineExceeded, "the other daemon doesn't answer");
    if (cancelled) co_return error(Code::Cancelled, "waiting for the other daemon was cancelled");
  }
}

Task<Result<HandOverMessage>> HandOverChannel::expect(std::string say, Deadline deadline) {
  CO_TRY(HandOverMessage message, co_await receive(deadline));
  if (message.say != say) {
    co_return error(Code::Unavailable, "the other daemon says {} instead of {}", message.say, say);
  }
  co_return message;
}

Result<UniqueFd> connect_to_daemon(const std::filesystem::path& home) {
  return connect_in(home, kName, SOCK_SEQPACKET);
}

Result<UniqueFd> listen_for_successor(const std::filesystem::path& home) {
  return listen_in(home, kName, SOCK_SEQPACKET | SOCK_NONBLOCK);
}

bool is_own(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

json saying(std::string_view say) {
  json head;
  head["say"] = say;
  return head;
}

json as_json(const model::LogEntry& entry) {
  return {
      {"say", "log"},
      {"app_id", entry.app_id},
      {"function_id", entry.function_id},
      {"task_id", entry.task_id},
      {"input_id", entry.input_id},
      {"function_call_id", entry.function_call_id},
      {"stream", static_cast<int>(entry.stream)},
      {"at", std::chrono::nanoseconds(entry.at.time_since_epoch()).count()}};
}

model::LogEntry log_entry_of(const HandOverMessage& message) {
  const json& head = message.head;
  const std::chrono::nanoseconds at(head.value("at", std::int64_t{0}));
  return {
      .app_id = head.value("app_id", ""),
      .function_id = head.value("function_id", ""),
      .task_id = head.value("task_id", ""),
      .input_id = head.value("input_id", ""),
      .function_call_id = head.value("function_call_id", ""),
      .stream = static_cast<model::LogStream>(head.value("stream", 0)),
      .text = message.body,
      .at = std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(at))};
}

gateway::PassOn passed_to(std::shared_ptr<HandOverChannel> successor) {
  return [successor = std::move(successor)](UniqueFd socket, std::string_view received) {
    auto sent = successor->send(saying("connection"), received, {socket.get()});
    if (!sent) log::warning("a caller's connection is closed: {}", sent.error().message);
  };
}

}  // namespace bimodal::server

#include "sandbox/exec.h"

#include <sys/socket.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstring>

#include "sandbox/errand.h"
#include "sandbox/packet.h"

namespace bimodal::sandbox {

namespace asio = boost::asio;

Exec::Exec(asio::any_io_executor executor, UniqueFd control) : control_(std::move(executor), control.release()) {}

Task<Result<void>> Exec::started() {
  while (!started_ && !failure_) {
    const bool more = co_await next();
    if (!more && !failure_) failure_ = Error{Code::Unavailable, "the sandbox ended"};
  }
  if (failure_) co_return tl::unexpected<Error>(*failure_);
  co_return Result<void>();
}

Task<int> Exec::wait() {
  while (!status_) {
    const bool more = co_await next();
    if (!more && !status_) status_ = SIGKILL;
  }
  co_return *status_;
}

void Exec::kill() {
  ::shutdown(control_.native_handle(), SHUT_WR);
}

Task<bool> Exec::next() {
  for (;;) {
    Received received = receive_packet(control_.native_handle());
    if (received.packet) {
      take(received.packet->bytes, received.packet->fds);
      co_return true;
    }
    if (received.ended) co_return false;
    boost::system::error_code failure;
    auto token = asio::redirect_error(asio::use_awaitable, failure);
    co_await control_.async_wait(asio::posix::stream_descriptor::wait_read, std::move(token));
    if (failure) co_return false;
  }
}

void Exec::take(const std::string& message, std::vector<UniqueFd>& fds) {
  if (message.empty()) return;
  const std::string rest = message.substr(1);
  switch (static_cast<ExecMessage>(message[0])) {
    case ExecMessage::Started:
      started_ = true;
      break;
    case ExecMessage::Terminal:
      if (!fds.empty()) terminal_ = std::move(fds.front());
      break;
    case ExecMessage::Failed:
      failure_ =
          rest.empty() ? Error{Code::Internal, "exec failed"} : Error{static_cast<Code>(rest[0]), rest.substr(1)};
      break;
    case ExecMessage::Ended: {
      int status = SIGKILL;
      if (rest.size() == sizeof status) std::memcpy(&status, rest.data(), sizeof status);
      status_ = status;
      break;
    }
  }
}

}  // namespace bimodal::sandbox

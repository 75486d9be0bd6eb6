#include "async/accept.h"

#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include "async/pulse.h"
#include "base/log.h"

namespace bimodal {

namespace asio = boost::asio;

namespace {

constexpr auto kPause = std::chrono::milliseconds(100);

}  // namespace

Task<void> accept_connections(UniqueFd listener, std::string name, std::function<void(UniqueFd)> take) {
  asio::posix::stream_descriptor readable(co_await asio::this_coro::executor, listener.release());
  while (true) {
    boost::system::error_code cancelled;
    co_await readable.async_wait(
        asio::posix::stream_descriptor::wait_read, asio::redirect_error(asio::use_awaitable, cancelled));
    if (cancelled) co_return;
    UniqueFd connection(::accept4(readable.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      take(std::move(connection));
    } else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
      log::warning("accept on {}: {}", name, std::strerror(errno));
      if (!co_await sleep_until(Deadline::after(kPause))) co_return;
    }
  }
}

}  // namespace bimodal

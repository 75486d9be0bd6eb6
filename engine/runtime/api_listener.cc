#include "runtime/api_listener.h"

#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include "async/pulse.h"
#include "base/log.h"

namespace bimodal::runtime {

namespace asio = boost::asio;

namespace {

// After an error that asking again at once doesn't mend: out of descriptors or memory.
constexpr auto kPause = std::chrono::milliseconds(100);

}  // namespace

Task<void> accept_connections(UniqueFd listener, ApiConnections& api, std::string task_id) {
  asio::posix::stream_descriptor readable(co_await asio::this_coro::executor, listener.release());
  while (true) {
    boost::system::error_code cancelled;
    co_await readable.async_wait(
        asio::posix::stream_descriptor::wait_read, asio::redirect_error(asio::use_awaitable, cancelled));
    if (cancelled) co_return;
    UniqueFd connection(::accept4(readable.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      api.adopt(std::move(connection), task_id);
    } else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
      log::warning("{}: accept on its API socket: {}", task_id, std::strerror(errno));
      if (!co_await sleep_until(Deadline::after(kPause))) co_return;
    }
  }
}

}  // namespace bimodal::runtime

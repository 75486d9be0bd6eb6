#include "image/step_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

namespace bimodal::image {

namespace asio = boost::asio;

void StepOutput::add(std::string_view text) {
  tail_.add(text);
  if (passed_ > kMaxBytes) return;
  passed_ += text.size();
  if (!log_) return;
  log_(text);
  if (passed_ > kMaxBytes) log_("\n[the rest of this step's output is dropped: more than 16 MiB]\n");
}

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "making a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

OutputPump::OutputPump(asio::any_io_executor executor, UniqueFd pipe, std::shared_ptr<StepOutput> output)
    : scope_(executor, "image output"), ended_(executor) {
  scope_.spawn(run(std::move(pipe), std::move(output)));
}

Task<void> OutputPump::run(UniqueFd pipe, std::shared_ptr<StepOutput> output) {
  asio::posix::stream_descriptor stream(co_await asio::this_coro::executor, pipe.release());
  auto buffer = std::make_unique<std::array<char, 16384>>();
  boost::system::error_code failure;
  while (true) {
    auto token = asio::redirect_error(asio::use_awaitable, failure);
    auto count = co_await stream.async_read_some(asio::buffer(*buffer), token);
    if (failure) break;
    output->add(std::string_view(buffer->data(), count));
  }
  at_end_ = true;
  ended_.notify_all();
}

Task<void> OutputPump::finish(Deadline deadline) {
  while (!at_end_ && !deadline.passed()) co_await ended_.wait(deadline);
  co_await scope_.close();
}

}  // namespace bimodal::image

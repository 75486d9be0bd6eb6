#include "runtime/log_pipe.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/pulse.h"

namespace bimodal::runtime {

namespace asio = boost::asio;

LogPipe::LogPipe(asio::any_io_executor executor, UniqueFd read_end, LineSplitter::Sink sink)
    : pipe_(executor, read_end.release()), timer_(executor), sink_(std::move(sink)) {}

Task<void> LogPipe::follow() {
  auto self = shared_from_this();
  std::size_t lines_of_turn = 0;
  while (true) {
    boost::system::error_code failure;
    auto size =
        co_await pipe_.async_read_some(asio::buffer(buffer_), asio::redirect_error(asio::use_awaitable, failure));
    if (failure) break;
    lines_of_turn += lines_.feed(std::string_view(buffer_.data(), size), sink_);
    if (lines_.has_partial_line()) flush_later();
    if (lines_of_turn < kLinesPerTurn) continue;
    lines_of_turn = 0;
    if (!co_await sleep_until(Deadline::after(kPause))) break;
  }
  timer_.cancel();
  lines_.finish(sink_);
}

void LogPipe::flush_later() {
  if (flush_is_due_) return;
  flush_is_due_ = true;
  timer_.expires_after(kPatience);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
    self->flush_is_due_ = false;
    if (!cancelled) self->lines_.flush(self->sink_);
  });
}

}  // namespace bimodal::runtime

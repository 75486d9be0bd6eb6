#include "runtime/input_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string_view>

namespace bimodal::runtime {

namespace asio = boost::asio;

namespace {

constexpr char kEndOfFile = 4;  // ^D, which a terminal in its usual mode turns into the end of input

}  // namespace

InputPipe::InputPipe(asio::any_io_executor executor) : pipe_(executor), written_(std::move(executor)) {}

void InputPipe::open(UniqueFd write_end, Kind kind) {
  kind_ = kind;
  ::fcntl(write_end.get(), F_SETFL, O_NONBLOCK);
  pipe_.assign(write_end.release());
}

Task<Result<void>> InputPipe::write(std::uint64_t offset, std::string bytes) {
  while (writing_) {
    const bool woken = co_await written_.wait(Deadline::never());
    if (!woken) co_return error(Code::Cancelled, "the writer went");
  }
  if (offset > bytes_) {
    co_return error(Code::OutOfRange, "input from byte {} on, but only {} came", offset, bytes_);
  }
  const std::size_t known = static_cast<std::size_t>(bytes_ - offset);
  if (known >= bytes.size()) co_return Result<void>();
  if (closed()) co_return error(Code::FailedPrecondition, "the command takes no more input");
  writing_ = true;
  boost::system::error_code failure;
  std::string_view rest = std::string_view(bytes).substr(known);
  while (!rest.empty() && !failure && !closed()) {
    const std::size_t size =
        co_await pipe_.async_write_some(asio::buffer(rest), asio::redirect_error(asio::use_awaitable, failure));
    rest.remove_prefix(size);
    bytes_ += size;
  }
  writing_ = false;
  written_.notify_all();
  if (rest.empty()) co_return Result<void>();
  if (failure == asio::error::operation_aborted && !closed()) {
    co_return error(Code::Cancelled, "the writer went");  // and may come again
  }
  close();
  co_return error(Code::FailedPrecondition, "the command takes no more input");
}

void InputPipe::end() {
  if (closed()) return;
  if (kind_ == Kind::Pipe) return close();
  // Best effort: whoever has filled the terminal's queue to the brim waits for no end.
  std::ignore = ::write(pipe_.native_handle(), &kEndOfFile, 1);
}

void InputPipe::close() {
  boost::system::error_code ignored;
  pipe_.close(ignored);
}

}  // namespace bimodal::runtime

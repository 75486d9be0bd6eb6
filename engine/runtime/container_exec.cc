#include "runtime/container_exec.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "runtime/pipe.h"

namespace bimodal::runtime {

namespace asio = boost::asio;

namespace {

using Output = ExecRequest::Output;

bool is_terminal(int fd) {
  int number = 0;
  return ::ioctl(fd, TIOCGPTN, &number) == 0;  // of the outer end only
}

}  // namespace

ContainerExec::ContainerExec(asio::any_io_executor executor)
    : input_(executor),
      out_stream_(executor),
      err_stream_(executor),
      out_(executor),
      err_(executor),
      changed_(executor) {}

Task<Result<std::shared_ptr<ContainerExec>>> ContainerExec::start(
    asio::any_io_executor executor, Scope& scope, sandbox::Sandbox& sandbox, sandbox::ExecSpec spec,
    ExecRequest request) {
  auto self = std::make_shared<ContainerExec>(executor);
  std::vector<UniqueFd> theirs;
  const bool has_terminal = spec.terminal.has_value();
  if (!has_terminal) CO_TRY_VOID(self->open_pipes(spec, request, theirs));
  CO_TRY(self->exec_, co_await sandbox.exec(std::move(spec)));
  theirs.clear();
  if (has_terminal) CO_TRY_VOID(self->take_terminal());
  scope.spawn(follow(self, self->out_stream_, self->out_));
  scope.spawn(follow(self, self->err_stream_, self->err_));
  scope.spawn(follow_end(self));
  if (request.timeout.count() > 0) scope.spawn(kill_after(self, request.timeout));
  co_return self;
}

Result<void> ContainerExec::open_pipes(
    sandbox::ExecSpec& spec, const ExecRequest& request, std::vector<UniqueFd>& theirs) {
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return errno_error(errno, "open /dev/null");
  TRY(Pipe in, make_pipe());
  TRY(Pipe out, make_pipe());
  TRY(Pipe err, make_pipe());
  const int out_fd = request.out == Output::Pipe ? out.write_end.get() : null.get();
  int err_fd = request.err == Output::Pipe ? err.write_end.get() : null.get();
  if (request.err == Output::ToStdout) err_fd = out_fd;
  spec.fds = {{in.read_end.get(), 0}, {out_fd, 1}, {err_fd, 2}};
  input_.open(std::move(in.write_end));
  out_stream_.assign(out.read_end.release());
  err_stream_.assign(err.read_end.release());
  theirs.push_back(std::move(in.read_end));
  theirs.push_back(std::move(out.write_end));
  theirs.push_back(std::move(err.write_end));
  theirs.push_back(std::move(null));
  return {};
}

// What comes from inside is a terminal only if /dev there is as it was made.
Result<void> ContainerExec::take_terminal() {
  UniqueFd terminal = exec_->take_terminal();
  if (!terminal || !is_terminal(terminal.get())) {
    return error(Code::FailedPrecondition, "the container's /dev/ptmx makes no terminals");
  }
  UniqueFd copy(::fcntl(terminal.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return errno_error(errno, "copy a terminal's descriptor");
  input_.open(std::move(copy), InputPipe::Kind::Terminal);
  out_stream_.assign(terminal.release());
  return {};
}

Task<void> ContainerExec::follow(std::shared_ptr<ContainerExec> self, Stream& stream, ExecOutput& output) {
  std::array<char, 16 * 1024> buffer;
  while (stream.is_open() && co_await output.room()) {
    boost::system::error_code failure;
    const std::size_t size =
        co_await stream.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, failure));
    if (failure) break;  // a terminal whose last process is gone says EIO
    output.append({buffer.data(), size});
  }
  stream.close();
  output.end();
}

Task<void> ContainerExec::follow_end(std::shared_ptr<ContainerExec> self) {
  self->status_ = co_await self->exec_->wait();
  self->input_.close();
  self->changed_.notify_all();
}

Task<void> ContainerExec::kill_after(std::shared_ptr<ContainerExec> self, std::chrono::seconds timeout) {
  const auto ended = co_await self->wait(Deadline::after(timeout));
  if (!ended) self->exec_->kill();
}

Task<std::optional<int>> ContainerExec::wait(Deadline deadline) {
  auto self = shared_from_this();
  while (!status_) {
    if (!co_await changed_.wait(deadline)) break;
  }
  co_return status_;
}

}  // namespace bimodal::runtime

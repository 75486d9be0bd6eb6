#include "runtime/standby.h"

#include <sys/socket.h>

#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

#include "base/ids.h"

namespace bimodal::runtime {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto kLoadPatience = 60s;    // to import everything, on a busy machine
constexpr auto kAnswerPatience = 10s;  // to answer, once it is ready
constexpr std::size_t kMaxLine = 4096;

Error given_up() {
  return {Code::Cancelled, "the container in reserve was given up"};
}

}  // namespace

Standby::Standby(asio::any_io_executor executor, sandbox::Launcher& sandboxes, const ContainersConfig& config)
    : changed(executor),
      executor_(executor),
      sandboxes_(sandboxes),
      config_(config),
      id_(new_id("sb")),
      loaded_(executor),
      channel_(executor) {}

Task<Result<void>> Standby::load(
    ContainerPlan plan, model::FunctionVersionPtr version, std::shared_ptr<Zygote> zygote) {
  auto self = shared_from_this();
  if (state_ == State::Over) co_return tl::unexpected<Error>(failure_);
  starting_ = true;
  auto done = co_await start(std::move(plan), std::move(version), std::move(zygote));
  starting_ = false;
  loaded_.notify_all();
  if (done) done = co_await expect("ready", Deadline::after(kLoadPatience));
  if (state_ == State::Over) done = tl::unexpected<Error>(given_up());
  state_ = done ? State::Ready : State::Over;
  if (!done) failure_ = done.error();
  if (done) watch_end();
  loaded_.notify_all();
  co_return done;
}

Task<Result<void>> Standby::start(
    ContainerPlan plan, model::FunctionVersionPtr version, std::shared_ptr<Zygote> zygote) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) co_return errno_error(errno, "socketpair");
  UniqueFd theirs(ends[1]);
  channel_.assign(asio::local::stream_protocol(), ends[0]);
  if (zygote) {
    CO_TRY(body_, co_await zygote->fork(std::move(plan), std::move(version), id_, std::move(theirs)));
    co_return Result<void>();
  }
  CO_TRY(auto directory, RunDirectory::make(config_.home, id_, ""));
  plan.layers.resize(plan.reserve->layers);
  plan.env = plan.reserve->env;
  auto spec = container_spec(plan, *version, id_, *directory, config_);
  spec.upper = directory->first_upper();
  spec.env["BIMODAL_STANDBY_FD"] = std::to_string(kStandbyFd);
  CO_TRY(body_, co_await start_body(sandboxes_, std::move(spec), std::move(directory), std::move(theirs)));
  co_return Result<void>();
}

Task<Result<Body>> Standby::become(ContainerPlan plan, model::FunctionVersionPtr version, std::string task_id) {
  auto self = shared_from_this();
  while (state_ == State::Loading) co_await loaded_.wait(Deadline::never());
  if (state_ == State::Over) co_return tl::unexpected<Error>(failure_);
  state_ = State::Leaving;
  CO_TRY_VOID(co_await hand_over(std::move(plan), std::move(version), std::move(task_id), false));
  if (state_ == State::Over) co_return tl::unexpected<Error>(given_up());
  state_ = State::Over;
  hang_up();
  co_return std::move(body_);
}

Task<Result<void>> Standby::park(ContainerPlan plan, model::FunctionVersionPtr version, std::string task_id) {
  auto self = shared_from_this();
  while (state_ == State::Loading) co_await loaded_.wait(Deadline::never());
  if (state_ == State::Over) co_return tl::unexpected<Error>(failure_);
  state_ = State::Parking;
  auto parked = co_await go_parking(std::move(plan), std::move(version), std::move(task_id));
  if (state_ == State::Over) parked = tl::unexpected<Error>(given_up());
  if (!parked) failure_ = parked.error();
  state_ = parked ? State::Parked : State::Over;
  if (parked) watch_end();
  loaded_.notify_all();
  co_return parked;
}

// A ready one says nothing until it is told something: what can be read before is its end.
void Standby::watch_end() {
  channel_.async_wait(asio::socket_base::wait_read, [weak = weak_from_this()](boost::system::error_code cancelled) {
    auto self = weak.lock();
    if (cancelled || !self || !self->ready()) return;
    self->failure_ = {Code::Unavailable, "the container in reserve has ended by itself"};
    self->state_ = State::Over;
    self->changed.notify_all();
  });
}

Task<Result<void>> Standby::go_parking(ContainerPlan plan, model::FunctionVersionPtr version, std::string task_id) {
  parked_for_ = fingerprint_of(plan, task_id);
  auto patience = version->startup_timeout;  // for code of the user's, when it comes before
  CO_TRY_VOID(co_await hand_over(std::move(plan), std::move(version), std::move(task_id), true));
  co_return co_await expect("parked", Deadline::after(patience));
}

Task<Result<Body>> Standby::leave_parking(ContainerPlan plan, std::string task_id) {
  auto self = shared_from_this();
  while (state_ != State::Parked && state_ != State::Over) co_await loaded_.wait(Deadline::never());
  if (state_ == State::Over) co_return tl::unexpected<Error>(failure_);
  if (fingerprint_of(plan, task_id) != parked_for_) {
    co_return error(Code::FailedPrecondition, "what it was parked with has changed since");
  }
  state_ = State::Leaving;
  CO_TRY_VOID(co_await send("g", Deadline::after(kAnswerPatience)));
  if (state_ == State::Over) co_return tl::unexpected<Error>(given_up());
  state_ = State::Over;
  hang_up();
  co_return std::move(body_);
}

Task<Result<void>> Standby::hand_over(
    ContainerPlan plan, model::FunctionVersionPtr version, std::string task_id, bool to_be_parked) {
  CO_TRY_VOID(body_.directory->write_arguments(plan.arguments));
  auto spec = container_spec(plan, *version, task_id, *body_.directory, config_);
  body_.volumes = std::make_shared<VolumeMounts>(std::move(plan.volumes), body_.directory->path());
  spec.volumes = body_.volumes->specs();
  if (to_be_parked) spec.env["BIMODAL_PARK"] = "1";
  std::string task = task_of(spec);
  CO_TRY_VOID(co_await body_.sandbox->reroot(std::move(spec)));
  CO_TRY_VOID(co_await send(std::move(task), Deadline::after(kAnswerPatience)));
  co_return co_await expect("go", Deadline::after(kAnswerPatience));
}

Task<Result<void>> Standby::send(std::string bytes, Deadline deadline) {
  auto timer = hang_up_at(deadline);
  boost::system::error_code failure;
  co_await asio::async_write(channel_, asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, failure));
  if (failure) co_return error(Code::Unavailable, "the container in reserve has ended");
  co_return Result<void>();
}

// Reads one line: `word`, or "unfit" and why.
Task<Result<void>> Standby::expect(std::string word, Deadline deadline) {
  auto timer = hang_up_at(deadline);
  boost::system::error_code failure;
  auto buffer = asio::dynamic_buffer(received_, kMaxLine);
  std::size_t size =
      co_await asio::async_read_until(channel_, buffer, '\n', asio::redirect_error(asio::use_awaitable, failure));
  std::string line = received_.substr(0, size);
  received_.erase(0, size);
  if (line == word + "\n") co_return Result<void>();
  if (line.starts_with("unfit ") && line.ends_with('\n')) {
    co_return error(Code::FailedPrecondition, "{}", line.substr(6, line.size() - 7));
  }
  co_return error(Code::Unavailable, "the container in reserve ended, or said nothing in time");
}

// While the timer lives.
asio::steady_timer Standby::hang_up_at(Deadline deadline) {
  asio::steady_timer timer(executor_, deadline.point());
  timer.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
    if (!cancelled) self->hang_up();
  });
  return timer;
}

void Standby::hang_up() {
  boost::system::error_code ignored;
  channel_.close(ignored);
}

Task<void> Standby::end() {
  auto self = shared_from_this();
  while (ending_ && !ended_) co_await loaded_.wait(Deadline::never());
  if (std::exchange(ending_, true)) co_return;
  if (state_ != State::Over) failure_ = given_up();
  state_ = State::Over;
  hang_up();
  loaded_.notify_all();
  changed.notify_all();
  while (starting_) co_await loaded_.wait(Deadline::never());
  if (body_.sandbox) {
    body_.sandbox->kill();
    co_await body_.sandbox->wait();
  }
  body_ = Body();
  ended_ = true;
  loaded_.notify_all();
}

}  // namespace bimodal::runtime

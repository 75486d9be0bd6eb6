#include "runtime/zygote.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "wire/zygote.h"

namespace bimodal::runtime {

namespace asio = boost::asio;
using namespace std::chrono_literals;

static_assert(kStandbyFd == wire::kZygoteFd && kStandbyFd == wire::kContainerFd);

namespace {

constexpr auto kLoadPatience = 60s;           // to import everything, on a busy machine
constexpr auto kAnswerPatience = 10s;         // to answer or to fork, once it is ready
constexpr std::size_t kMaxTask = 128 * 1024;  // bytes: what fits into a socket that nobody reads yet

struct SocketPair {
  UniqueFd ours, theirs;
};

Result<SocketPair> make_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return errno_error(errno, "socketpair");
  return SocketPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

Zygote::Zygote(
    asio::any_io_executor executor, sandbox::Launcher& sandboxes, const ContainersConfig& config, std::string id)
    : executor_(executor),
      sandboxes_(sandboxes),
      config_(config),
      id_(std::move(id)),
      changed_(executor),
      channel_(executor) {}

Task<Result<void>> Zygote::load(ContainerPlan plan, model::FunctionVersionPtr version) {
  return load_as(std::move(plan), std::move(version), false);
}

Task<Result<void>> Zygote::load_function(ContainerPlan plan, model::FunctionVersionPtr version) {
  return load_as(std::move(plan), std::move(version), true);
}

Task<Result<void>> Zygote::load_as(ContainerPlan plan, model::FunctionVersionPtr version, bool of_function) {
  auto self = shared_from_this();
  if (state_ == State::Over) co_return tl::unexpected<Error>(failure_);
  starting_ = true;
  auto done = co_await start(plan, version, of_function);
  if (done && of_function) done = co_await become_function(std::move(plan), std::move(version));
  if (done) {
    auto answer = co_await expect("ready", Deadline::after(kLoadPatience));
    if (!answer) done = tl::unexpected<Error>(answer.error());
  }
  starting_ = false;
  changed_.notify_all();
  if (state_ == State::Over) co_return tl::unexpected<Error>(failure_);
  if (!done) {
    give_up(done.error());
    co_return done;
  }
  state_ = State::Ready;
  changed_.notify_all();
  co_return done;
}

Task<Result<void>> Zygote::start(ContainerPlan plan, model::FunctionVersionPtr version, bool of_function) {
  if (of_function) {
    CO_TRY(directory_, RunDirectory::make(config_.home, id_, plan.arguments));
  } else {
    CO_TRY(directory_, RunDirectory::make_bare(config_.home, id_));
  }
  CO_TRY(SocketPair channel, make_pair());
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  channel_.assign(channel.ours.release());
  plan.layers.resize(plan.reserve->layers);
  plan.env = plan.reserve->env;
  auto spec = container_spec(plan, *version, id_, *directory_, config_);
  spec.profile = sandbox::Profile::Zygote;
  spec.binds.clear();
  if (of_function) spec.upper = directory_->first_upper();
  spec.env["BIMODAL_STANDBY_FD"] = std::to_string(kStandbyFd);
  spec.env["BIMODAL_ZYGOTE"] = of_function ? "function" : "image";
  // What it says before there is a container is nobody's output.
  for (int number : {0, 1, 2, wire::kListenFd}) spec.fds.push_back({null.get(), number});
  spec.fds.push_back({channel.theirs.get(), wire::kZygoteFd});
  CO_TRY(sandbox_, co_await sandboxes_.start(std::move(spec)));
  co_return Result<void>();
}

// As a container in reserve does (Standby::park()), in packets. It says "ready" once more where it forks.
Task<Result<void>> Zygote::become_function(ContainerPlan plan, model::FunctionVersionPtr version) {
  CO_TRY(auto ready, co_await expect("ready", Deadline::after(kLoadPatience)));
  sandbox::Spec spec = container_spec(plan, *version, id_, *directory_, config_);
  const std::string task = task_of(spec);
  if (task.size() > kMaxTask) co_return error(Code::FailedPrecondition, "its environment has {} bytes", task.size());
  CO_TRY_VOID(co_await sandbox_->reroot(std::move(spec)));
  for (std::size_t sent = 0; sent < task.size();) {
    const std::size_t size = sent == 0 ? kTaskHead : std::min(task.size() - sent, sandbox::kMaxPacket);
    CO_TRY_VOID(sandbox::send_packet(channel_.native_handle(), std::string_view(task).substr(sent, size), {}));
    sent += size;
  }
  CO_TRY(auto going, co_await expect("go", Deadline::after(kAnswerPatience)));
  co_return Result<void>();
}

Task<Result<Body>> Zygote::fork(
    ContainerPlan plan, model::FunctionVersionPtr version, std::string id, UniqueFd channel) {
  auto self = shared_from_this();
  while (state_ == State::Loading) co_await changed_.wait(Deadline::never());
  if (state_ == State::Over) co_return tl::unexpected<Error>(failure_);
  ++containers_;
  std::shared_ptr<void> origin(nullptr, [self](void*) {
    --self->containers_;
    self->changed_.notify_all();
  });
  CO_TRY(auto directory, RunDirectory::make(config_.home, id, ""));
  plan.layers.resize(plan.reserve->layers);
  plan.env = plan.reserve->env;
  auto spec = container_spec(plan, *version, id, *directory, config_);
  spec.upper = directory->first_upper();
  CO_TRY(Wires wires, make_wires(*directory));
  CO_TRY(auto forked, co_await order(wires, *directory, channel.get()));
  CO_TRY(auto sandbox, co_await sandbox_->adopt(std::move(spec), std::move(forked)));
  Body body = body_of(std::move(wires), std::move(directory), std::move(sandbox));
  body.origin = std::move(origin);
  co_return body;
}

Task<Result<sandbox::Forked>> Zygote::order(const Wires& wires, const RunDirectory& directory, int channel) {
  while (ordering_) co_await changed_.wait(Deadline::never());
  if (state_ == State::Over) co_return tl::unexpected<Error>(failure_);
  ordering_ = true;
  // An order that is given up half-way leaves an answer behind, which nobody could tell from the next one's.
  bool answered = false;
  const std::shared_ptr<void> guard(nullptr, [this, &answered](void*) {
    ordering_ = false;
    if (!answered) give_up({Code::Unavailable, "the zygote was interrupted"});
    changed_.notify_all();
  });
  auto forked = co_await order_in_turn(wires, directory, channel);
  answered = true;
  if (!forked) give_up(forked.error());
  co_return forked;
}

Task<Result<sandbox::Forked>> Zygote::order_in_turn(const Wires& wires, const RunDirectory& directory, int channel) {
  CO_TRY(SocketPair gate, make_pair());
  const std::vector<int> fds = {
      wires.out.write_end.get(), wires.err.write_end.get(), directory.web_listener.get(), channel, gate.theirs.get()};
  const auto sent = sandbox::send_packet(channel_.native_handle(), "fork", fds);
  if (!sent) co_return error(Code::Unavailable, "the process that forks them has ended");
  CO_TRY(auto answer, co_await expect("forked", Deadline::after(kAnswerPatience)));
  if (answer.size() != 1) co_return error(Code::Unavailable, "the zygote didn't tell what it forked");
  sandbox::Forked forked{.process = std::move(answer[0]), .gate = std::move(gate.ours)};
  co_return forked;
}

// One message: `word`, or "unfit" and why. Returns the descriptors that came with it.
Task<Result<std::vector<UniqueFd>>> Zygote::expect(std::string word, Deadline deadline) {
  auto timer = hang_up_at(deadline);
  while (channel_.is_open()) {
    auto received = sandbox::receive_packet(channel_.native_handle());
    if (received.ended) break;
    if (received.packet) {
      std::string_view text = received.packet->bytes;
      text = text.substr(0, text.find('\n'));
      if (text == word) co_return std::move(received.packet->fds);
      if (!text.starts_with("unfit ")) break;
      co_return error(Code::FailedPrecondition, "{}", text.substr(6));
    }
    boost::system::error_code failure;
    auto token = asio::redirect_error(asio::use_awaitable, failure);
    co_await channel_.async_wait(asio::posix::stream_descriptor::wait_read, std::move(token));
    if (failure) break;
  }
  co_return error(Code::Unavailable, "the zygote ended, or said nothing in time");
}

// While the timer lives.
asio::steady_timer Zygote::hang_up_at(Deadline deadline) {
  asio::steady_timer timer(executor_, deadline.point());
  timer.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
    boost::system::error_code ignored;
    if (!cancelled) self->channel_.close(ignored);
  });
  return timer;
}

// Its process ends when nobody holds the other end of its channel.
void Zygote::give_up(Error why) {
  if (state_ != State::Over) failure_ = std::move(why);
  state_ = State::Over;
  boost::system::error_code ignored;
  channel_.close(ignored);
  changed_.notify_all();
}

Task<void> Zygote::end() {
  auto self = shared_from_this();
  give_up({Code::Cancelled, "the containers in reserve were given up"});
  while (starting_ || containers_ > 0) co_await changed_.wait(Deadline::never());
  if (!std::exchange(ended_, true) && sandbox_) {
    sandbox_->kill();
    co_await sandbox_->wait();
  }
  sandbox_.reset();
  directory_.reset();
}

}  // namespace bimodal::runtime

#include "runtime/live_container.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>

#include "async/accept.h"
#include "async/rough.h"
#include "base/log.h"
#include "runtime/body.h"
#include "runtime/exit_reason.h"
#include "runtime/in_words.h"
#include "runtime/line_marks.h"
#include "runtime/listening.h"
#include "runtime/log_pipe.h"
#include "runtime/standbys.h"

namespace bimodal::runtime {

using scheduler::ContainerExit;
using scheduler::ExitKind;

namespace {

std::int64_t now_ns() {
  return std::chrono::nanoseconds(Deadline::Clock::now().time_since_epoch()).count();
}

constexpr const char* kKilled = "killed";  // why, when the pool or a shutdown asked for it
// For exit handlers after requests that had to be interrupted.
constexpr auto kLastMoment = std::chrono::seconds(2);

// How long after the last process's end its output may take to arrive.
constexpr auto kOutputPatience = std::chrono::seconds(10);
constexpr int kReserveAttempts = 3;

}  // namespace

LiveContainer::LiveContainer(
    Surroundings& surroundings, model::FunctionVersionPtr version, std::string task_id, std::optional<BuildStep> step)
    : surroundings_(surroundings),
      version_(std::move(version)),
      task_id_(std::move(task_id)),
      step_(std::move(step)),
      tasks_(surroundings.executor, "container " + task_id_),
      changed_(surroundings.executor),
      orders_(surroundings.executor, *version_),
      runner_(surroundings.executor),
      vigil_(
          {.stalled_after = surroundings.config.stalled_after,
           .limit = surroundings.config.heartbeat_limit,
           .blocked = std::max<std::chrono::milliseconds>(surroundings.config.heartbeat_limit, version_->timeout)}),
      web_path_(version_->web_methods.empty() || version_->is_server ? WebPath::None : WebPath::Unknown) {
  times_.asked = now_ns();
}

TaskInfo LiveContainer::info() const {
  return {task_id_, version_->app_id, version_->function_id, enqueued_at_, warm_at_, leaving_ || orders_.stopped()};
}

Task<void> LiveContainer::run() {
  auto self = shared_from_this();
  auto started = co_await start();
  if (!started) {
    end({kill_reason_.empty() ? ExitKind::Failed : ExitKind::Signalled, one_line(started.error().message)});
  } else {
    auto report = co_await sandbox_->wait();
    while (open_pipes_ > 0 && co_await changed_.wait(Deadline::after(kOutputPatience))) {
    }
    co_await tasks_.close();
    sandbox_.reset();
    origin_.reset();
    co_await keep_volumes();
    end(exit_of(report));
  }
  if (directory_) directory_->remove();
}

// Whatever way it ended: what it wrote and nobody has committed yet.
Task<void> LiveContainer::keep_volumes() {
  auto committed = co_await volumes_->commit_all();
  if (!committed) say("container: the last changes of its volumes are lost: " + one_line(committed.error().message));
  volumes_.reset();
}

Task<Result<void>> LiveContainer::commit_volume(std::string volume_id) {
  auto self = shared_from_this();
  auto volumes = volumes_;
  if (!volumes) co_return error(Code::FailedPrecondition, "the container {} has ended", task_id_);
  co_return co_await volumes->commit(std::move(volume_id));
}

Task<Result<void>> LiveContainer::reload_volume(std::string volume_id) {
  auto self = shared_from_this();
  auto volumes = volumes_;
  if (!volumes || !sandbox_) co_return error(Code::FailedPrecondition, "the container {} has ended", task_id_);
  co_return co_await volumes->reload(std::move(volume_id), sandbox_);
}

Task<Result<void>> LiveContainer::start() {
  CO_TRY(auto plan, co_await surroundings_.planner.plan(version_, task_id_));
  command_ = command_of(plan, task_id_);
  CO_TRY(auto body, co_await make_body(std::move(plan)));
  times_.running = now_ns();
  directory_ = std::move(body.directory);
  sandbox_ = std::move(body.sandbox);
  origin_ = std::move(body.origin);
  volumes_ = std::move(body.volumes);
  web_socket_ = directory_->web_socket();
  if (web_path_ == WebPath::Unknown) runner_.adopt(std::move(body.runner));
  follow_output(std::move(body.out), model::LogStream::Stdout);
  follow_output(std::move(body.err), model::LogStream::Stderr);
  auto adopt = [&api = surroundings_.api, task_id = task_id_](UniqueFd connection) {
    api.adopt(std::move(connection), task_id);
  };
  tasks_.spawn(accept_connections(std::move(directory_->api_listener), task_id_ + "'s API socket", std::move(adopt)));
  if (web_path_ == WebPath::Unknown) tasks_.spawn(follow_runner());
  tasks_.spawn(keep_vigil());
  if (!volumes_->empty()) tasks_.spawn(volumes_->commit_in_background());
  startup_deadline_ = Deadline::after(version_->startup_timeout);
  if (version_->is_server) tasks_.spawn(await_server());
  changed_.notify_all();
  if (asked_) choose_web_path();
  if (!kill_reason_.empty()) sandbox_->kill();
  co_return Result<void>();
}

Task<Result<Body>> LiveContainer::make_body(ContainerPlan plan) {
  auto reserved = co_await take_from_reserve(plan);
  if (reserved) co_return std::move(*reserved);
  if (!kill_reason_.empty()) co_return error(Code::Cancelled, "{}", kill_reason_);
  CO_TRY(auto directory, RunDirectory::make(surroundings_.config.home, task_id_, plan.arguments));
  auto spec = container_spec(plan, *version_, task_id_, *directory, surroundings_.config);
  if (step_) set_build_step(*step_, spec);
  auto volumes = std::make_shared<VolumeMounts>(std::move(plan.volumes), directory->path());
  spec.volumes = volumes->specs();
  CO_TRY(Body body, co_await start_body(surroundings_.sandboxes, std::move(spec), std::move(directory), UniqueFd()));
  body.volumes = std::move(volumes);
  co_return body;
}

// std::nullopt: start from the beginning.
Task<std::optional<Body>> LiveContainer::take_from_reserve(ContainerPlan plan) {
  if (surroundings_.standbys == nullptr || step_) co_return std::nullopt;
  // What fails isn't offered again: parked, then of the function's zygote, then of the image's.
  for (int attempt = 0; attempt < kReserveAttempts && kill_reason_.empty(); ++attempt) {
    auto standby = attempt == 0 ? surroundings_.standbys->take_parked(task_id_) : nullptr;
    const bool parked = standby != nullptr;
    if (!parked) standby = surroundings_.standbys->take(version_, plan, task_id_);
    if (!standby) co_return std::nullopt;
    Result<Body> body = error(Code::Internal, "");
    if (parked) {
      body = co_await standby->leave_parking(plan, task_id_);
    } else {
      body = co_await standby->become(plan, version_, task_id_);
    }
    if (body) {
      surroundings_.standbys->release(standby);
      kind_ = parked ? "parked" : "reserve";
      co_return std::move(*body);
    }
    log::info("{}: {} can't start from the reserve: {}", name(), task_id_, body.error().message);
    surroundings_.standbys->discard(standby);
  }
  co_return std::nullopt;
}

Task<Result<std::shared_ptr<ContainerExec>>> LiveContainer::exec(Scope& scope, ExecRequest request) {
  auto self = shared_from_this();
  auto sandbox = sandbox_;
  if (!sandbox) co_return error(Code::NotFound, "container {} doesn't run", task_id_);
  sandbox::ExecSpec spec = command_;
  for (auto& [name, value] : request.env) spec.env[name] = value;
  if (!request.workdir.empty()) spec.cwd = request.workdir;
  spec.argv = request.argv;
  spec.terminal = request.terminal;
  co_return co_await ContainerExec::start(surroundings_.executor, scope, *sandbox, std::move(spec), std::move(request));
}

Task<Result<void>> LiveContainer::wait_warm() {
  auto self = shared_from_this();
  while (!warm_) {
    if (!failure_summary_.empty()) co_return error(Code::FailedPrecondition, "{}", failure_summary_);
    if (exit_) {
      const bool by_others = exit_->kind == ExitKind::Signalled && kill_reason_.empty();
      co_return error(by_others ? Code::Aborted : Code::FailedPrecondition, "{}", exit_->reason);
    }
    if (co_await changed_.wait(startup_deadline_)) continue;
    if (!startup_deadline_.passed()) {
      kill();
      co_return error(Code::Cancelled, "the start of {} was cancelled", task_id_);
    }
    kill_because(lateness());
    co_return error(Code::FailedPrecondition, "{}", kill_reason_);
  }
  co_return Result<void>();
}

Task<ContainerExit> LiveContainer::wait_exit() {
  auto self = shared_from_this();
  while (!exit_) co_await changed_.wait(Deadline::never());
  co_return *exit_;
}

Task<Result<UniqueFd>> LiveContainer::connect(std::uint16_t port, Deadline deadline) {
  auto connecting = connect_here(shared_from_this(), port, deadline);
  co_return co_await boost::asio::co_spawn(surroundings_.executor, std::move(connecting), boost::asio::use_awaitable);
}

Task<Result<UniqueFd>> LiveContainer::connect_here(
    std::shared_ptr<LiveContainer> self, std::uint16_t port, Deadline deadline) {
  if (!sandbox_) co_return error(Code::Unavailable, "the container {} has ended", task_id_);
  co_return co_await sandbox_->connect(port, deadline);
}

void LiveContainer::hello() {
  heartbeat();
}

void LiveContainer::heartbeat() {
  vigil_.note_heartbeat(Deadline::Clock::now());
}

Task<Order> LiveContainer::next_order(Deadline deadline, Batch batch) {
  auto self = shared_from_this();
  asked_ = true;
  choose_web_path();
  become_warm_if_ready();
  auto order = co_await orders_.next(deadline, batch);
  become_warm_if_ready();
  co_return order;
}

void LiveContainer::give(PlainInputPtr input) {
  orders_.give(std::move(input));
}

bool LiveContainer::cancel(const std::string& input_id) {
  if (orders_.take_back(input_id)) {
    changed_.notify_all();
    return false;
  }
  to_cancel_.push_back(input_id);
  changed_.notify_all();
  return true;
}

bool LiveContainer::end_plain(const std::string& input_id) {
  if (!orders_.end_plain(input_id)) return false;
  changed_.notify_all();
  return true;
}

void LiveContainer::output(std::string input_id, std::string failure) {
  const bool was_seat = orders_.is_seat(input_id);
  if (!orders_.end(input_id, failure)) return;
  changed_.notify_all();
  if (!was_seat || leaving_ || orders_.stopped()) return;
  say("the container stopped serving its web methods by itself: it is replaced");
  drain();
}

// The traceback is in the log already: the client prints it to stderr before it reports it.
void LiveContainer::start_failed(StartFailure failure) {
  failure_summary_ = one_line(failure.summary);
  if (failure_summary_.empty()) failure_summary_ = "the container failed without saying why";
  changed_.notify_all();
  drain();
}

void LiveContainer::stop_fetching() {
  orders_.stop();
}

void LiveContainer::kill() {
  kill_because(kKilled);
}

void LiveContainer::drain() {
  if (leaving_ || !sandbox_) return;
  leaving_ = true;
  orders_.stop();
  runner_.drain();
  if (version_->is_server) tasks_.spawn(terminate_server());
  tasks_.spawn(leave());
}

// Running requests and exit handlers share the grace time, which is the handlers' alone when nothing runs. Requests
// that use it up are interrupted; the handlers then have a moment more.
Task<void> LiveContainer::leave() {
  auto grace = surroundings_.config.exit_grace;
  Deadline end = Deadline::after(grace);
  while (orders_.inputs_are_out() && !end.passed()) co_await changed_.wait(end);
  if (orders_.inputs_are_out()) {
    sandbox_->signal(SIGINT);
    end = Deadline::after(std::min<std::chrono::milliseconds>(grace, kLastMoment));
  }
  if (co_await sleep_until(end)) {
    kill_because(fmt::format("killed: its requests and exit handlers took longer than {}", in_words(grace)));
  }
}

void LiveContainer::follow_output(UniqueFd read_end, model::LogStream stream) {
  auto sink = [self = shared_from_this(), stream, marks = LineMarks()](std::string_view piece) mutable {
    const LineMarks::Line line = marks.read(piece);
    self->write_log({
        .app_id = self->version_->app_id,
        .function_id = self->version_->function_id,
        .task_id = self->task_id_,
        .input_id = std::string(line.input_id),
        .function_call_id = std::string(line.function_call_id),
        .stream = stream,
        .text = std::string(line.text),
        .at = std::chrono::system_clock::now(),
    });
  };
  ++open_pipes_;
  tasks_.spawn(follow_pipe(std::make_shared<LogPipe>(surroundings_.executor, std::move(read_end), std::move(sink))));
}

Task<void> LiveContainer::follow_pipe(std::shared_ptr<LogPipe> pipe) {
  co_await pipe->follow();
  --open_pipes_;
  changed_.notify_all();
}

Task<void> LiveContainer::follow_runner() {
  auto greeted = co_await runner_.greet(task_id_);
  if (!greeted) {
    // A runner that is gone says so by its exit, one that breaks the protocol never will.
    if (greeted.error().code == Code::Internal) kill_because(greeted.error().message);
    co_return;
  }
  if (greeted->since_import.count() >= 0) times_.imported = now_ns() - greeted->since_import.count();
  if (asked_) choose_web_path();
  runner_greeted_ = true;
  co_await runner_.follow([this] { note_answer(); });
  runner_gone_ = true;
}

// At a question of the container's. Its runner greets while the user's application is made, so one that hasn't by then
// never will: the client is another than the runner knows, or the user turned the runner off. Nothing is chosen for one
// that has not started: it has nothing yet that either path needs.
void LiveContainer::choose_web_path() {
  if (web_path_ != WebPath::Unknown || !sandbox_) return;
  if (runner_.has_spoken()) {
    web_path_ = WebPath::Runner;
    orders_.serve_by_seat();
    changed_.notify_all();
  } else if (surroundings_.config.greeting_patience.count() == 0) {
    serve_by_client();
  } else {
    tasks_.spawn(await_greeting());
  }
}

Task<void> LiveContainer::await_greeting() {
  const bool in_vain = co_await sleep_until(Deadline::after(surroundings_.config.greeting_patience));
  if (in_vain && web_path_ == WebPath::Unknown) serve_by_client();
}

void LiveContainer::serve_by_client() {
  auto listener = directory_->listen_for_gateway();
  if (!listener) return kill_because(listener.error().message);
  web_path_ = WebPath::Client;
  runner_.close();
  web_socket_ = directory_->web_socket();
  auto changed = [this] {
    orders_.wake();
    changed_.notify_all();
  };
  bridge_ = std::make_unique<WebBridge>(surroundings_.executor, tasks_, std::move(changed));
  auto adopt = [this](UniqueFd connection) { bridge_->adopt(std::move(connection), task_id_); };
  tasks_.spawn(accept_connections(*std::move(listener), task_id_ + "'s client.sock", std::move(adopt)));
  orders_.serve_requests(*bridge_);
  become_warm_if_ready();
}

std::shared_ptr<WebRequest> LiveContainer::web_request(const std::string& function_call_id) const {
  return bridge_ ? bridge_->find(function_call_id) : nullptr;
}

Task<std::vector<std::string>> LiveContainer::cancelled_inputs(Deadline deadline) {
  auto self = shared_from_this();
  std::vector<std::string> inputs;
  const int answers = answers_;
  ++heartbeats_out_;
  while (!exit_ && answers == answers_) {
    inputs = std::exchange(to_cancel_, {});
    if (bridge_) {
      auto timed_out = bridge_->take_timed_out();
      inputs.insert(inputs.end(), timed_out.begin(), timed_out.end());
    }
    if (!inputs.empty() || !co_await changed_.wait(deadline)) break;
  }
  --heartbeats_out_;
  co_return inputs;
}

Task<void> LiveContainer::keep_vigil() {
  while (co_await sleep_until(roughly_after(vigil_.pause()))) {
    if (!warm_) continue;
    const auto found = vigil_.look(
        Deadline::Clock::now(), {.runner_answers = runner_greeted_ && !leaving_ && !runner_gone_,
                                 .heartbeat_is_out = heartbeats_out_ > 0,
                                 .was_used = was_used_ && was_used_()});
    if (!found.killed_because.empty()) co_return kill_because(found.killed_because);
    if (found.ping) runner_.ping();
    if (found.stalls) stall();
    if (!found.answer) continue;
    ++answers_;
    changed_.notify_all();
  }
}

void LiveContainer::stall() {
  log::warning("{}: container {}: its event loop is blocked", name(), task_id_);
  say(fmt::format(
      "container: its event loop is blocked for {}: it gets no requests until it goes on",
      in_words(surroundings_.config.stalled_after)));
  if (stall_told_) stall_told_(true);
}

void LiveContainer::note_answer() {
  if (!vigil_.note_pong(Deadline::Clock::now())) return;
  say("container: its event loop goes on");
  if (stall_told_) stall_told_(false);
}

void LiveContainer::become_warm_if_ready() {
  if (asked_ && orders_.serves()) become_warm();
}

void LiveContainer::become_warm() {
  if (warm_ || exit_ || !failure_summary_.empty()) return;
  warm_ = true;
  warm_at_ = std::chrono::system_clock::now();
  times_.warm = now_ns();
  if (!step_) surroundings_.counts->started(*version_, kind_, times_);
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(warm_at_ - enqueued_at_);
  log::info(
      "{}: {} warm after {} ms, started from the {}: {}", name(), task_id_, took.count(),
      kind_ == "beginning" ? "beginning" : "reserve", scheduler::phases_of(times_).text());
  changed_.notify_all();
}

std::optional<std::filesystem::path> LiveContainer::directory() const {
  if (!directory_) return std::nullopt;
  return directory_->path();
}

void LiveContainer::kill_because(std::string reason) {
  if (exit_ || !kill_reason_.empty()) return;
  kill_reason_ = std::move(reason);
  if (sandbox_) sandbox_->kill();
}

ContainerExit LiveContainer::exit_of(const sandbox::ExitReport& report) const {
  if (!kill_reason_.empty()) return {ExitKind::Signalled, kill_reason_};
  if (!failure_summary_.empty()) return {ExitKind::Failed, failure_summary_};
  ContainerExit exit = describe_exit(report, memory_limit_of(*version_, surroundings_.config));
  if (warm_) return exit;
  if (exit.kind == ExitKind::Finished) exit = {ExitKind::Failed, "exited by itself"};
  exit.reason += " before it was ready";
  return exit;
}

void LiveContainer::end(ContainerExit exit) {
  bool wanted = exit.kind == ExitKind::Finished || kill_reason_ == kKilled;
  if (!wanted) {
    log::warning("{}: container {}: {}", name(), task_id_, exit.reason);
    // What the container itself reported is in the app's log already.
    if (failure_summary_.empty()) say("container: " + exit.reason);
  }
  if (!step_) surroundings_.counts->ended(*version_, exit.kind, warm_);
  exit_ = std::move(exit);
  changed_.notify_all();
}

std::string LiveContainer::lateness() const {
  if (entered_at_ && sandbox_) {
    return why_unreachable(sandbox_->pid(), version_->web_methods.at(0).server_port, version_->startup_timeout);
  }
  return fmt::format("not ready within {} (startup_timeout)", in_words(version_->startup_timeout));
}

}  // namespace bimodal::runtime

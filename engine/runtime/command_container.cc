#include "runtime/command_container.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "runtime/exit_reason.h"
#include "runtime/live_container.h"
#include "runtime/log_pipe.h"
#include "runtime/pipe.h"

namespace bimodal::runtime {

namespace asio = boost::asio;

namespace {

using Kind = CommandOutcome::Kind;

// How long after the last process's end its output may take to arrive.
constexpr auto kOutputPatience = std::chrono::seconds(10);
constexpr int kSignalled = 128;  // and the signal's number, as shells have it
constexpr int kKilled = 137;

}  // namespace

CommandContainer::CommandContainer(Surroundings& surroundings, CommandPlan plan, std::string task_id)
    : surroundings_(surroundings),
      plan_(std::move(plan)),
      task_id_(std::move(task_id)),
      input_(surroundings.executor),
      out_(surroundings.executor, model::LogStream::Stdout),
      err_(surroundings.executor, model::LogStream::Stderr),
      busy_(Deadline::Clock::now()),
      tasks_(surroundings.executor, "container " + task_id_),
      changed_(surroundings.executor) {
  plan_.env["MODAL_TASK_ID"] = task_id_;
}

TaskInfo CommandContainer::info() const {
  TaskInfo info;
  info.task_id = task_id_;
  info.app_id = plan_.app_id;
  info.enqueued_at = info.started_at = made_at_;
  info.draining = killed_.has_value();
  return info;
}

sandbox::Spec CommandContainer::spec() const {
  sandbox::Spec spec;
  spec.name = task_id_;
  spec.layers = plan_.layers;
  spec.upper = directory_->upper();
  spec.volumes = volumes_->specs();
  spec.argv = plan_.argv;
  spec.env = plan_.env;
  spec.cwd = plan_.workdir;
  spec.user = plan_.user;
  spec.network = plan_.block_network ? sandbox::Network::None : sandbox::Network::Egress;
  spec.limits.memory_bytes = plan_.memory_bytes > 0 ? plan_.memory_bytes : surroundings_.config.default_memory_bytes;
  spec.limits.cpu_milli = plan_.cpu_milli;
  return spec;
}

Task<Result<void>> CommandContainer::start() {
  auto self = shared_from_this();
  CO_TRY(directory_, RunDirectory::make_bare(surroundings_.config.home, task_id_));
  volumes_ = std::make_shared<VolumeMounts>(std::move(plan_.volumes), directory_->path());
  CO_TRY(Pipe in, make_pipe());
  CO_TRY(Pipe out, make_pipe());
  CO_TRY(Pipe err, make_pipe());
  sandbox::Spec spec = this->spec();
  spec.fds = {{in.read_end.get(), 0}, {out.write_end.get(), 1}, {err.write_end.get(), 2}};
  CO_TRY(sandbox_, co_await surroundings_.sandboxes.start(std::move(spec)));
  input_.open(std::move(in.write_end));
  out_.stream.assign(out.read_end.release());
  err_.stream.assign(err.read_end.release());
  busy_ = Deadline::Clock::now();
  open_outputs_ = 2;
  tasks_.spawn(follow(out_));
  tasks_.spawn(follow(err_));
  tasks_.spawn(watch_time());
  if (!volumes_->empty()) tasks_.spawn(volumes_->commit_in_background());
  if (killed_) sandbox_->kill();
  co_return Result<void>();
}

Task<void> CommandContainer::run() {
  auto self = shared_from_this();
  const auto report = co_await sandbox_->wait();
  input_.close();
  out_.kept.stop_waits();
  err_.kept.stop_waits();
  const Deadline patience = Deadline::after(kOutputPatience);
  while (open_outputs_ > 0 && co_await changed_.wait(patience)) {
  }
  co_await tasks_.close();
  sandbox_.reset();
  const auto committed = co_await volumes_->commit_all();
  if (!committed) {
    say("container: the last changes of its volumes are lost: " + one_line(committed.error().message) + "\n",
        model::LogStream::System);
  }
  volumes_.reset();
  directory_->remove();
  plan_.room.reset();
  outcome_ = outcome_of(report);
  changed_.notify_all();
}

// A flood is slowed down as a function's container's is (log_pipe.h).
Task<void> CommandContainer::follow(Output& output) {
  auto self = shared_from_this();
  auto sink = [this, &output](std::string_view line) { say(line, output.name); };
  const LineSplitter::Sink to_log = sink;
  std::array<char, LogPipe::kBytesPerRead> buffer;
  std::size_t lines_of_turn = 0;
  while (co_await output.kept.room()) {
    boost::system::error_code failure;
    const std::size_t size = co_await output.stream.async_read_some(
        asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, failure));
    if (failure) break;
    const std::string_view bytes(buffer.data(), size);
    output.kept.append(bytes);
    lines_of_turn += output.lines.feed(bytes, to_log);
    if (lines_of_turn < LogPipe::kLinesPerTurn) continue;
    lines_of_turn = 0;
    if (!co_await sleep_until(Deadline::after(LogPipe::kPause))) break;
  }
  output.lines.finish(to_log);
  output.stream.close();
  output.kept.end();
  --open_outputs_;
  changed_.notify_all();
}

Task<void> CommandContainer::watch_time() {
  const Deadline end = plan_.timeout.count() > 0 ? Deadline::after(plan_.timeout) : Deadline::never();
  while (!killed_) {
    const Deadline idle = idle_end();
    if (end.passed()) {
      kill(Kind::TimedOut);
    } else if (idle.passed()) {
      kill(Kind::Idle);
    } else if (!co_await sleep_until(end.or_earlier(idle))) {
      co_return;
    }
  }
}

// With a command in it, it is looked at again once it could have been idle for long enough.
Deadline CommandContainer::idle_end() const {
  if (plan_.idle_timeout.count() == 0) return Deadline::never();
  return Deadline::at((execs_ > 0 ? Deadline::Clock::now() : busy_) + plan_.idle_timeout);
}

Task<Result<void>> CommandContainer::write(std::uint64_t offset, std::string bytes) {
  auto self = shared_from_this();
  busy_ = Deadline::Clock::now();
  co_return co_await input_.write(offset, std::move(bytes));
}

Task<Result<std::shared_ptr<ContainerExec>>> CommandContainer::exec(Scope& scope, ExecRequest request) {
  auto self = shared_from_this();
  auto sandbox = sandbox_;
  if (!sandbox) co_return error(Code::NotFound, "no container {} runs", task_id_);
  sandbox::ExecSpec spec;
  spec.env = plan_.env;
  for (auto& [name, value] : request.env) spec.env[name] = value;
  spec.cwd = request.workdir.empty() ? plan_.workdir : request.workdir;
  spec.user = plan_.user;
  spec.argv = request.argv;
  spec.terminal = request.terminal;
  CO_TRY(
      auto exec,
      co_await ContainerExec::start(surroundings_.executor, scope, *sandbox, std::move(spec), std::move(request)));
  ++execs_;
  scope.spawn(follow_exec(exec));
  co_return exec;
}

Task<void> CommandContainer::follow_exec(std::shared_ptr<ContainerExec> exec) {
  auto self = shared_from_this();
  co_await exec->wait(Deadline::never());
  --execs_;
  busy_ = Deadline::Clock::now();
}

Task<Result<void>> CommandContainer::reload_volumes() {
  auto self = shared_from_this();
  auto volumes = volumes_;
  if (!volumes || !sandbox_) co_return error(Code::FailedPrecondition, "the container {} has ended", task_id_);
  co_return co_await volumes->reload_all(sandbox_);
}

std::optional<std::filesystem::path> CommandContainer::directory() const {
  if (!directory_) return std::nullopt;
  return directory_->path();
}

void CommandContainer::kill(Kind why) {
  if (outcome_ || killed_) return;
  killed_ = why;
  if (sandbox_) sandbox_->kill();
}

Task<std::optional<CommandOutcome>> CommandContainer::wait(Deadline deadline) {
  auto self = shared_from_this();
  while (!outcome_) {
    if (!co_await changed_.wait(deadline)) break;
  }
  co_return outcome_;
}

CommandOutcome CommandContainer::outcome_of(const sandbox::ExitReport& report) const {
  if (killed_) return {*killed_, kKilled};
  if (report.out_of_memory) return {Kind::OutOfMemory, kKilled};
  if (report.signal != 0) return {Kind::Exited, kSignalled + report.signal};
  return {Kind::Exited, report.exit_code};
}

void CommandContainer::say(std::string_view line, model::LogStream stream) {
  model::LogEntry entry;
  entry.app_id = plan_.app_id;
  entry.task_id = task_id_;
  entry.stream = stream;
  entry.text = std::string(line);
  entry.at = std::chrono::system_clock::now();
  surroundings_.logs(std::move(entry));
}

}  // namespace bimodal::runtime

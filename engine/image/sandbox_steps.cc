#include "image/sandbox_steps.h"

#include <fcntl.h>

#include "base/ids.h"
#include "image/accounts.h"
#include "image/layer_view.h"
#include "image/step_output.h"

namespace bimodal::image {

namespace fs = std::filesystem;

namespace {

// For output that is still in the pipe when the sandbox is gone.
constexpr auto kOutputGrace = std::chrono::seconds(5);

std::string failure_text(const std::string& title, const sandbox::ExitReport& report, const OutputTail& tail) {
  std::string how = fmt::format("failed with exit status {}", report.exit_code);
  if (report.signal != 0) how = fmt::format("was ended by signal {}", report.signal);
  if (report.out_of_memory) how = "ran out of memory";
  auto output = tail.text();
  if (output.empty()) return fmt::format("{} {}, without output", title, how);
  return fmt::format("{} {}. Its last output:\n{}", title, how, output);
}

// The directory that the host's files are bound to was made in the step's own tree.
void remove_mount_point(const fs::path& tree) {
  std::error_code failure;
  fs::remove(tree / kHostDirectory.substr(1), failure);
}

}  // namespace

// One of the kMaxRunning places; given back when destroyed.
class SandboxSteps::Slot {
 public:
  explicit Slot(SandboxSteps& steps) : steps_(steps) { ++steps_.slots_taken_; }
  ~Slot() {
    --steps_.slots_taken_;
    steps_.slot_freed_.notify_all();
  }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

 private:
  SandboxSteps& steps_;
};

SandboxSteps::SandboxSteps(
    sandbox::Launcher& launcher, HostConfigLoader& host_config, BlockingPool& pool,
    boost::asio::any_io_executor executor, const BuilderConfig& config)
    : launcher_(launcher),
      host_config_(host_config),
      pool_(pool),
      executor_(executor),
      time_limit_(config.step_time_limit),
      room_(config.room),
      slot_freed_(executor) {}

void SandboxSteps::stop() {
  stopped_ = true;
  for (auto* sandbox : running_) sandbox->kill();
  slot_freed_.notify_all();
}

Task<Result<void>> SandboxSteps::run(SandboxCommand command, const Scratch& scratch, BuildLog log) {
  while (slots_taken_ >= kMaxRunning && !stopped_) co_await slot_freed_.wait(Deadline::never());
  Slot slot(*this);
  co_return co_await run_in_slot(std::move(command), scratch, std::move(log));
}

Task<Result<void>> SandboxSteps::run_in_slot(SandboxCommand command, const Scratch& scratch, BuildLog log) {
  std::shared_ptr<void> room;
  if (room_) room = co_await room_();
  auto host = co_await host_config_.get();
  auto prepare = [host, &scratch, &command] {
    auto home = home_of(command.user, LayerView(command.layers).read("/etc/passwd").value_or(""));
    command.env.emplace("HOME", home);
    return write_host_files(*host, scratch.directory() / "host");
  };
  CO_TRY_VOID(co_await pool_.run(prepare));
  CO_TRY(auto pipe, make_pipe());
  UniqueFd no_input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  auto spec = spec_of(command, *host, scratch);
  spec.fds = {{no_input.get(), 0}, {pipe.write.get(), 1}, {pipe.write.get(), 2}};
  if (stopped_) co_return error(Code::Cancelled, "{}: the server is stopping", command.title);
  CO_TRY(auto sandbox, co_await launcher_.start(std::move(spec)));
  pipe.write.reset();
  if (stopped_) sandbox->kill();

  auto place = running_.insert(running_.end(), sandbox.get());
  auto output = std::make_shared<StepOutput>(std::move(log));
  OutputPump pump(executor_, std::move(pipe.read), output);
  Scope watchdog(executor_, "image step");
  bool expired = false;
  watchdog.spawn(kill_at(*sandbox, Deadline::after(time_limit_), expired));
  auto report = co_await sandbox->wait();
  running_.erase(place);
  co_await watchdog.close();
  co_await pump.finish(Deadline::after(kOutputGrace));

  remove_mount_point(scratch.tree());
  if (stopped_) co_return error(Code::Cancelled, "{}: the server is stopping", command.title);
  if (expired) co_return error(Code::DeadlineExceeded, "{} took longer than {} s", command.title, time_limit_.count());
  if (report.exit_code != 0) {
    co_return error(Code::FailedPrecondition, "{}", failure_text(command.title, report, output->tail()));
  }
  co_return Result<void>();
}

sandbox::Spec SandboxSteps::spec_of(SandboxCommand& command, const HostConfig& host, const Scratch& scratch) {
  sandbox::Spec spec;
  spec.name = "build-" + random_text(12);
  spec.hostname = "build";
  spec.layers = std::move(command.layers);
  spec.upper = scratch.tree();
  spec.keep_upper = true;
  spec.binds.push_back({scratch.directory() / "host", std::string(kHostDirectory)});
  for (const auto& [name, path] : host.directories) {
    spec.binds.push_back({path, std::string(kHostDirectory) + "/" + name});
  }
  spec.argv = std::move(command.argv);
  spec.env = std::move(command.secrets);
  spec.env.merge(command.env);
  spec.env.insert(host.env.begin(), host.env.end());
  spec.cwd = command.cwd;
  spec.user = command.user;
  spec.profile = sandbox::Profile::Build;
  spec.network = sandbox::Network::Egress;
  return spec;
}

Task<void> SandboxSteps::kill_at(sandbox::Sandbox& sandbox, Deadline deadline, bool& expired) {
  expired = co_await sleep_until(deadline);
  if (expired) sandbox.kill();
}

}  // namespace bimodal::image

#include "sandbox/testing/fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <future>

#include "base/ids.h"
#include "sandbox/own_namespace.h"

namespace bimodal::sandbox {

namespace fs = std::filesystem;

namespace {

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

struct Pipe {
  UniqueFd reader, writer;
  Pipe() {
    int fds[2];
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC), 0);
    reader.reset(fds[0]);
    writer.reset(fds[1]);
  }
};

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t got = ::read(fd, buffer, sizeof buffer); got > 0; got = ::read(fd, buffer, sizeof buffer)) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

Task<void> start_on_loop(
    Launcher& launcher, Spec& spec, std::unique_ptr<Sandbox>& sandbox, std::optional<Error>& failure) {
  auto started = co_await launcher.start(spec);
  if (started) {
    sandbox = std::move(*started);
  } else {
    failure = started.error();
  }
}

Task<void> wait_on_loop(Sandbox& sandbox, ExitReport& report) {
  report = co_await sandbox.wait();
}
Task<void> close_on_loop(Launcher& launcher) {
  co_await launcher.close();
}

}  // namespace

bool SandboxTest::rootless() {
  return privilege_here() == Privilege::Rootless;
}

void SandboxTest::SetUp() {
  auto entered = enter_own_namespace();
  ASSERT_TRUE(entered) << entered.error().message;
  std::string pattern = fs::temp_directory_path() / "bimodal-sandbox-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  home_ = pattern;
  layer_ = home_ / "layers" / "base";
  fs::create_directories(layer_ / "bin");
  fs::create_directories(layer_ / "tmp");
  ::chmod((layer_ / "tmp").c_str(), 01777);
  fs::copy_file(SANDBOX_PROBE, layer_ / "bin" / "probe");
  write_file(layer_ / "etc" / "passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\n");
  write_file(layer_ / "etc" / "group", "root:x:0:\nann:x:1001:\nvideo:x:44:ann,bob\n");
  open_launcher();
}

void SandboxTest::TearDown() {
  close_launcher();
  EXPECT_TRUE(fs::is_empty(home_ / "sandboxes"));
  EXPECT_TRUE(!fs::exists(home_ / "upper") || fs::is_empty(home_ / "upper"));
  fs::remove_all(home_);
}

void SandboxTest::open_launcher() {
  auto process = fork_launcher({.home = home_, .init_path = BIMODAL_INIT});
  ASSERT_TRUE(process) << process.error().message;
  connect(std::move(*process));
}

void SandboxTest::connect(LauncherProcess process) {
  launcher_pid_ = process.pid;
  loop_ = std::make_unique<Loop>("test");
  launcher_ = connect_launcher(std::move(process), loop_->executor());
  loop_->start();
}

void SandboxTest::close_launcher() {
  if (!launcher_) return;
  loop_->run_blocking(close_on_loop(*launcher_));
  on_loop([this] { launcher_.reset(); });
  loop_.reset();
}

void SandboxTest::restart_launcher() {
  close_launcher();
  open_launcher();
}

void SandboxTest::restart_launcher_with(LauncherProcess next) {
  close_launcher();
  connect(std::move(next));
}

Spec SandboxTest::probe(std::vector<std::string> argv) {
  Spec spec;
  spec.name = "test-" + std::to_string(++made_);
  spec.layers = {layer_};
  spec.upper = home_ / "upper" / spec.name;
  spec.argv = std::move(argv);
  spec.argv.insert(spec.argv.begin(), "probe");
  spec.env = {{"PATH", "/bin"}};
  return spec;
}

void SandboxTest::on_loop(std::function<void()> action) {
  std::promise<void> done;
  loop_->post([&] {
    action();
    done.set_value();
  });
  done.get_future().get();
}

Outcome SandboxTest::run(Spec spec) {
  Pipe output;
  spec.fds.push_back({output.writer.get(), 1});
  spec.fds.push_back({output.writer.get(), 2});
  Outcome run;
  std::unique_ptr<Sandbox> sandbox;
  loop_->run_blocking(start_on_loop(*launcher_, spec, sandbox, run.failure));
  output.writer.reset();
  if (!sandbox) return run;
  run.address = sandbox->address();
  run.output = read_all(output.reader.get());
  run.report = wait(*sandbox);
  on_loop([&] { sandbox.reset(); });
  return run;
}

std::unique_ptr<Sandbox> SandboxTest::start(Spec spec) {
  Pipe output;
  spec.fds.push_back({output.writer.get(), 1});
  std::unique_ptr<Sandbox> sandbox;
  std::optional<Error> failure;
  loop_->run_blocking(start_on_loop(*launcher_, spec, sandbox, failure));
  output.writer.reset();
  EXPECT_TRUE(sandbox) << (failure ? failure->message : "");
  char line[16];
  EXPECT_GT(::read(output.reader.get(), line, sizeof line), 0);
  return sandbox;
}

ExitReport SandboxTest::wait(Sandbox& sandbox) {
  ExitReport report;
  loop_->run_blocking(wait_on_loop(sandbox, report));
  return report;
}

void SandboxTest::end(std::unique_ptr<Sandbox> sandbox) {
  on_loop([&] { sandbox->kill(); });
  wait(*sandbox);
  on_loop([&] { sandbox.reset(); });
}

}  // namespace bimodal::sandbox

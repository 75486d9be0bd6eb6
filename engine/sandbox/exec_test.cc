// Processes that are started in a running sandbox: they are within its barriers and its life.
#include "sandbox/exec.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "sandbox/testing/fixture.h"

namespace bimodal::sandbox {
namespace {

class ExecTest : public SandboxTest {
 protected:
  struct Ran {
    std::optional<Error> failure;
    std::string output;
    int status = -1;
  };

  static std::string read_all(int fd) {
    std::string text;
    char buffer[4096];
    for (ssize_t got = ::read(fd, buffer, sizeof buffer); got > 0; got = ::read(fd, buffer, sizeof buffer)) {
      text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
  }

  static ExecSpec probing(std::vector<std::string> argv) {
    ExecSpec spec;
    spec.argv = {"/bin/probe"};
    spec.argv.insert(spec.argv.end(), argv.begin(), argv.end());
    return spec;
  }

  static Task<void> run_exec(Sandbox& sandbox, ExecSpec spec, std::unique_ptr<Exec>& exec, Ran& ran) {
    auto made = co_await sandbox.exec(std::move(spec));
    if (!made) {
      ran.failure = made.error();
      co_return;
    }
    exec = *std::move(made);
  }
  static Task<void> wait_for(Exec& exec, int& status) { status = co_await exec.wait(); }

  // Runs it to its end; at most a pipe's worth of output.
  Ran run_in(Sandbox& sandbox, ExecSpec spec) {
    Ran ran;
    int pipe[2];
    EXPECT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!spec.terminal) spec.fds = {{null.get(), 0}, {pipe[1], 1}, {pipe[1], 2}};
    std::unique_ptr<Exec> exec;
    loop_->run_blocking(run_exec(sandbox, std::move(spec), exec, ran));
    ::close(pipe[1]);
    if (exec) {
      UniqueFd terminal = exec->take_terminal();
      ran.output = read_all(terminal ? terminal.get() : pipe[0]);
      loop_->run_blocking(wait_for(*exec, ran.status));
      on_loop([&] { exec.reset(); });
    }
    ::close(pipe[0]);
    return ran;
  }
};

TEST_F(ExecTest, RunsBesideTheFirstProcessAndTellsItsStatus) {
  auto sandbox = start(probe({"wait"}));
  auto spec = probing({"print", "hello"});
  EXPECT_EQ(run_in(*sandbox, spec).output, "hello\n");
  EXPECT_EQ(WEXITSTATUS(run_in(*sandbox, probing({"exit", "7"})).status), 7);
  spec = probing({"cwd"});
  spec.cwd = "/etc";
  spec.env = {{"NAME", "value"}};
  EXPECT_EQ(run_in(*sandbox, spec).output, "/etc\n");
  spec.argv[1] = "env";
  EXPECT_EQ(run_in(*sandbox, spec).output, "NAME=value\n");
  EXPECT_EQ(run_in(*sandbox, probing({"fds"})).output, "0 1 2 \n");
  end(std::move(sandbox));
}

TEST_F(ExecTest, SaysWhatCanNotBeRun) {
  auto sandbox = start(probe({"wait"}));
  ExecSpec spec;
  spec.argv = {"no-such-program"};
  Ran ran = run_in(*sandbox, spec);
  ASSERT_TRUE(ran.failure);
  EXPECT_EQ(ran.failure->code, Code::NotFound);
  EXPECT_NE(ran.failure->message.find("no-such-program"), std::string::npos) << ran.failure->message;
  spec = probing({"id"});
  spec.user = "nobody-knows";
  EXPECT_EQ(run_in(*sandbox, spec).failure->code, Code::NotFound);
  spec.user = "";
  spec.cwd = "/nowhere";
  EXPECT_EQ(run_in(*sandbox, spec).failure->code, Code::InvalidArgument);
  end(std::move(sandbox));
}

TEST_F(ExecTest, MakesNoPrivilegedCall) {
  auto sandbox = start(probe({"wait"}));
  const std::vector<std::string> calls = {
      "mount",  "unshare", "setns",        "ptrace",      "keyctl",           "bpf",
      "chroot", "setuid",  "mknod_device", "sethostname", "process_vm_readv", "init_memory"};
  auto spec = probing({"attempts"});
  spec.argv.insert(spec.argv.end(), calls.begin(), calls.end());
  Ran ran = run_in(*sandbox, spec);
  std::istringstream lines(ran.output);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_FALSE(line.ends_with(" ok")) << line;
  EXPECT_EQ(count, calls.size()) << ran.output;
  ran = run_in(*sandbox, probing({"read", "/proc/self/status"}));
  for (const char* line : {"CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"}) {
    EXPECT_NE(ran.output.find(line), std::string::npos) << line << "\n" << ran.output;
  }
  end(std::move(sandbox));
}

TEST_F(ExecTest, IsInTheNamespacesAndCgroupsOfTheSandbox) {
  auto sandbox = start(probe({"wait"}));
  // Init, the first process and itself.
  EXPECT_EQ(run_in(*sandbox, probing({"pids"})).output, "3\n");
  const Ran own = run_in(*sandbox, probing({"read", "/proc/self/cgroup"}));
  const Ran first = run_in(*sandbox, probing({"read", "/proc/2/cgroup"}));
  EXPECT_EQ(own.output, first.output);
  end(std::move(sandbox));
}

TEST_F(ExecTest, HasATerminalOfTheSandboxsOwn) {
  auto sandbox = start(probe({"wait"}));
  auto spec = probing({"print", "hello"});
  spec.terminal = ExecSpec::Terminal{.rows = 30, .columns = 100};
  EXPECT_EQ(run_in(*sandbox, spec).output, "hello\r\n");
  end(std::move(sandbox));
}

TEST_F(ExecTest, EndsWithTheSandboxAndWithItsOwner) {
  auto sandbox = start(probe({"wait"}));
  Ran ran;
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  auto spec = probing({"wait"});
  spec.fds = {{null.get(), 0}, {null.get(), 1}, {null.get(), 2}};
  std::unique_ptr<Exec> left, killed;
  loop_->run_blocking(run_exec(*sandbox, spec, killed, ran));
  on_loop([&] { killed->kill(); });
  loop_->run_blocking(wait_for(*killed, ran.status));
  EXPECT_EQ(WTERMSIG(ran.status), SIGKILL);
  loop_->run_blocking(run_exec(*sandbox, spec, left, ran));
  end(std::move(sandbox));
  loop_->run_blocking(wait_for(*left, ran.status));
  EXPECT_EQ(WTERMSIG(ran.status), SIGKILL);
  on_loop([&] {
    left.reset();
    killed.reset();
  });
}

}  // namespace
}  // namespace bimodal::sandbox

// Nothing outlives a killed daemon or launcher, and the next start removes what they left.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "sandbox/cgroups.h"
#include "sandbox/command.h"
#include "sandbox/home_tag.h"
#include "sandbox/testing/fixture.h"

namespace bimodal::sandbox {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

bool soon(const std::function<bool()>& holds) {
  auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

bool alive(int pid) {
  return ::kill(pid, 0) == 0;
}

class RestartTest : public SandboxTest {
 protected:
  bool table_exists() {
    return run_command({"nft", "list", "table", "inet", tag_of(home_).table_name()}, "").has_value();
  }
  bool cgroup_exists() { return fs::exists(find_cgroups(tag_of(home_), Privilege::Root).memory); }
};

TEST_F(RestartTest, SandboxesDieWithAKilledLauncherAndTheNextOneRemovesTheirTraces) {
  Spec spec = probe({"wait"});
  auto sandbox = start(spec);
  int pid = sandbox->pid();
  ::kill(launcher_pid_, SIGKILL);
  EXPECT_EQ(wait(*sandbox).signal, SIGKILL);
  EXPECT_TRUE(soon([&] { return !alive(pid); }));
  Outcome refused = run_probe({"id"});
  ASSERT_TRUE(refused.failure);
  EXPECT_EQ(refused.failure->code, Code::Unavailable);
  on_loop([&] { sandbox.reset(); });

  EXPECT_TRUE(fs::exists(spec.upper));
  restart_launcher();
  EXPECT_EQ(run_probe({"id"}).output, "0:0\n");
  EXPECT_FALSE(fs::exists(spec.upper));
  close_launcher();
  EXPECT_FALSE(cgroup_exists());
}

// The daemon is a process of its own here, killed while a sandbox runs.
TEST_F(RestartTest, NothingIsLeftWhenTheDaemonIsKilled) {
  close_launcher();
  int told[2];
  ASSERT_EQ(::pipe2(told, O_CLOEXEC), 0);
  pid_t daemon = ::fork();
  if (daemon == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    open_launcher();
    Spec spec = probe({"wait"});
    spec.network = Network::Egress;
    auto sandbox = start(spec);
    int pids[2] = {launcher_pid_, sandbox->pid()};
    std::ignore = ::write(told[1], pids, sizeof pids);
    for (;;) ::pause();
  }
  int pids[2] = {};
  ASSERT_EQ(::read(told[0], pids, sizeof pids), static_cast<ssize_t>(sizeof pids));
  EXPECT_TRUE(alive(pids[0]) && alive(pids[1]));
  ::kill(daemon, SIGKILL);
  ::waitpid(daemon, nullptr, 0);
  EXPECT_TRUE(soon([&] { return !alive(pids[0]) && !alive(pids[1]); }));
  EXPECT_FALSE(cgroup_exists());
  EXPECT_FALSE(table_exists());
  EXPECT_TRUE(fs::is_empty(home_ / "upper"));
  ::close(told[0]);
  ::close(told[1]);
}

TEST_F(RestartTest, ASecondLauncherWaitsForTheFirstToEnd) {
  auto sandbox = start(probe({"wait"}));
  pid_t first = launcher_pid_;
  auto process = fork_launcher({.home = home_, .init_path = BIMODAL_INIT});
  ASSERT_TRUE(process);
  end(std::move(sandbox));
  restart_launcher_with(std::move(*process));
  EXPECT_FALSE(alive(first));
  EXPECT_EQ(run_probe({"id"}).output, "0:0\n");
}

}  // namespace
}  // namespace bimodal::sandbox

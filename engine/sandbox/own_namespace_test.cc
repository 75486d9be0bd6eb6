// What an ordinary user needs to become root of a namespace, and what the way out leaves behind.
#include "sandbox/own_namespace.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "sandbox/testing/fixture.h"

namespace bimodal::sandbox {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

TEST(SubordinateIds, AreFoundByNameAndByNumber) {
  EXPECT_EQ(subordinate_ids("ann:100000:65536\nbob:165536:65536\n", "bob", 1001), 165'536U);
  EXPECT_EQ(subordinate_ids("1001:300000:70000\n", "bob", 1001), 300'000U);
}

TEST(SubordinateIds, AreNoneWithoutALineThatGivesEnough) {
  EXPECT_FALSE(subordinate_ids("", "bob", 1001));
  EXPECT_FALSE(subordinate_ids("bobby:100000:65536\n", "bob", 1001));
  EXPECT_FALSE(subordinate_ids("bob:100000:1000\n", "bob", 1001));
  EXPECT_FALSE(subordinate_ids("bob:x:65536\nbob:0:65536\nbob\n", "bob", 1001));
  EXPECT_EQ(subordinate_ids("bob:100000:1000\nbob:200000:65535\n", "bob", 1001), 200'000U);
}

class RootlessTest : public SandboxTest {
 protected:
  void SetUp() override {
    SandboxTest::SetUp();
    if (!rootless()) GTEST_SKIP() << "these tests are for an ordinary user";
  }

  // The launcher's children of that name.
  std::vector<pid_t> children(const std::string& name) const {
    std::vector<pid_t> found;
    std::ifstream in("/proc/" + std::to_string(launcher_pid_) + "/task/" + std::to_string(launcher_pid_) + "/children");
    for (pid_t pid = 0; in >> pid;) {
      std::string command;
      std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), command);
      if (command == name) found.push_back(pid);
    }
    return found;
  }

  Spec egress(std::vector<std::string> argv) {
    Spec spec = probe(std::move(argv));
    spec.network = Network::Egress;
    return spec;
  }

  static bool eventually_gone(const std::vector<pid_t>& pids) {
    auto deadline = std::chrono::steady_clock::now() + 10s;
    for (pid_t pid : pids) {
      while (::kill(pid, 0) == 0) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(5ms);
      }
    }
    return true;
  }
};

TEST_F(RootlessTest, SlirpEndsWithItsSandbox) {
  auto sandbox = start(egress({"wait"}));
  auto before = children("slirp4netns");
  ASSERT_FALSE(before.empty());
  end(std::move(sandbox));
  close_launcher();
  for (pid_t pid : before) EXPECT_NE(::kill(pid, 0), 0) << pid;
}

TEST_F(RootlessTest, SlirpEndsWithAKilledLauncher) {
  auto sandbox = start(egress({"wait"}));
  auto helpers = children("slirp4netns");
  ASSERT_FALSE(helpers.empty());
  ::kill(launcher_pid_, SIGKILL);
  wait(*sandbox);
  EXPECT_TRUE(eventually_gone(helpers));
  on_loop([&] { sandbox.reset(); });
  restart_launcher();
}

TEST_F(RootlessTest, ASandboxWhoseWayOutDiedIsEnded) {
  auto sandbox = start(egress({"wait"}));
  for (pid_t helper : children("slirp4netns")) ::kill(helper, SIGKILL);  // the ready ones' too
  EXPECT_EQ(wait(*sandbox).signal, SIGKILL);
  on_loop([&] { sandbox.reset(); });
}

TEST_F(RootlessTest, TheKernelTakesASandboxFirstWhenMemoryRunsOut) {
  EXPECT_EQ(run_probe({"read", "/proc/self/oom_score_adj"}).output, "500\n");
}

TEST_F(RootlessTest, ContainersSeeNeitherTheUsersFilesNorTheUsersProcesses) {
  EXPECT_EQ(run_probe({"list", ::getenv("HOME")}).output, "ENOENT\n");
  EXPECT_EQ(run_probe({"pids"}).output, "2\n");  // init and the probe
}

TEST_F(RootlessTest, WhiteoutsAndOpaqueDirectoriesOfAKeptUpperHold) {
  fs::create_directories(layer_ / "gone");
  std::ofstream(layer_ / "gone" / "file") << "old";
  std::ofstream(layer_ / "lost") << "old";
  Spec spec = probe({"replace", "/gone", "/lost"});
  spec.keep_upper = true;
  EXPECT_EQ(run(spec).output, "ok\n");
  Spec next = probe({"list", "/gone"});
  next.layers.push_back(spec.upper);
  EXPECT_EQ(run(next).output, "");
  next = probe({"read", "/lost"});
  next.layers.push_back(spec.upper);
  EXPECT_EQ(run(next).output, "ENOENT\n");
  fs::remove_all(spec.upper);
}

}  // namespace
}  // namespace bimodal::sandbox

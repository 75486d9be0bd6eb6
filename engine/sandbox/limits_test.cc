// Memory, cpu and pids limits hold, and are told apart at the end.
#include <signal.h>
#include <sys/stat.h>

#include <fstream>

#include "sandbox/cgroups.h"
#include "sandbox/testing/fixture.h"

namespace bimodal::sandbox {
namespace {

namespace fs = std::filesystem;

class LimitsTest : public SandboxTest {
 protected:
  void SetUp() override {
    SandboxTest::SetUp();
    if (find_cgroups(tag_of(home_), Privilege::Root).version == CgroupVersion::None) GTEST_SKIP() << "no cgroups here";
  }
};

TEST_F(LimitsTest, EndsAProcessThatTakesTooMuchMemoryAndSaysSo) {
  Spec spec = probe({"eat", "200"});
  spec.limits.memory_bytes = 64 << 20;
  Outcome ran = run(spec);
  EXPECT_EQ(ran.report.signal, SIGKILL);
  EXPECT_TRUE(ran.report.out_of_memory);
}

TEST_F(LimitsTest, CountsSharedMemoryFilesToo) {
  Spec spec = probe({"fill", "/dev/shm/file", "200"});
  spec.limits.memory_bytes = 64 << 20;
  EXPECT_EQ(run(spec).output, "ENOSPC\n");  // /dev/shm takes half of the limit
}

TEST_F(LimitsTest, LeavesAModestProcessAlone) {
  Spec spec = probe({"eat", "20"});
  spec.limits.memory_bytes = 64 << 20;
  Outcome ran = run(spec);
  EXPECT_EQ(ran.report.exit_code, 0);
  EXPECT_FALSE(ran.report.out_of_memory);
}

TEST_F(LimitsTest, HoldsTheCpuQuota) {
  Spec spec = probe({"spin", "1000"});
  spec.limits.cpu_milli = 200;
  int used_ms = std::stoi(run(spec).output);
  EXPECT_LE(used_ms, 320);  // 200 and at most one period more
  EXPECT_GE(used_ms, 50);
}

// Needs no cgroups: rootless, RLIMIT_NPROC of the sandbox's own user namespace counts.
TEST_F(SandboxTest, StopsAForkBomb) {
  Spec spec = probe({"forkbomb"});
  spec.limits.pids = 20;
  EXPECT_EQ(run(spec).output, "19 EAGAIN\n");  // and the probe itself
}

TEST_F(LimitsTest, LeavesNoCgroupBehind) {
  CgroupLayout layout = find_cgroups(tag_of(home_), Privilege::Root);
  EXPECT_EQ(run_probe({"id"}).output, "0:0\n");
  EXPECT_TRUE(fs::exists(layout.memory));
  close_launcher();
  for (const auto& parent : {layout.memory, layout.cpu, layout.pids}) EXPECT_FALSE(fs::exists(parent)) << parent;
}

constexpr const char* kHybridMounts =
    "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
    "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
    "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
    "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n"
    "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";

TEST(CgroupLayout, TakesVersionOneOnAHybridHost) {
  auto layout =
      find_cgroups(kHybridMounts, "3:memory:/nonesuch\n2:cpu,cpuacct:/\n1:pids:/\n0::/\n", "b", Privilege::Root);
  EXPECT_EQ(layout.version, CgroupVersion::One);
  EXPECT_EQ(layout.memory, "/sys/fs/cgroup/memory/b");
  EXPECT_EQ(layout.cpu, "/sys/fs/cgroup/cpu,cpuacct/b");
}

TEST(CgroupLayout, TakesTheTopOfVersionTwoForRoot) {
  const char* mounts = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
  auto layout = find_cgroups(mounts, "0::/system.slice/x.service\n", "b", Privilege::Root);
  EXPECT_EQ(layout.version, CgroupVersion::Two);
  EXPECT_EQ(layout.pids, "/sys/fs/cgroup/b");
}

TEST(CgroupLayout, SaysWhatIsMissing) {
  auto layout = find_cgroups("proc /proc proc rw 0 0\n", "", "b", Privilege::Root);
  EXPECT_EQ(layout.version, CgroupVersion::None);
  Cgroups none(layout);
  EXPECT_TRUE(none.limit({}, {}));
  auto refused = none.limit({}, {.memory_bytes = 1 << 20});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("no cgroup filesystem"), std::string::npos);
}

// The files of version 2, imitated on disk: what is written where.
TEST(Cgroups, WritesTheLimitsOfVersionTwo) {
  std::string pattern = fs::temp_directory_path() / "bimodal-cgroup-XXXXXX";
  fs::path parent = ::mkdtemp(pattern.data());
  fs::path own = parent / "x";
  fs::create_directories(own);
  for (const char* name : {"memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "pids.max"}) {
    std::ofstream(own / name) << "";
  }
  std::ofstream(own / "memory.events") << "low 0\nhigh 0\nmax 7\noom 1\noom_kill 3\n";
  Cgroups cgroups({.version = CgroupVersion::Two, .memory = parent, .cpu = parent, .pids = parent});
  auto made = cgroups.make("x");
  ASSERT_TRUE(made);
  ASSERT_TRUE(cgroups.limit(*made, {.memory_bytes = 1 << 20, .cpu_milli = 1500, .pids = 10}));
  auto text = [&](const char* name) {
    std::ifstream in(own / name);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  EXPECT_EQ(text("memory.max"), "1048576");
  EXPECT_EQ(text("memory.oom.group"), "1");
  EXPECT_EQ(text("cpu.max"), "150000 100000");
  EXPECT_EQ(text("pids.max"), "11");
  EXPECT_EQ(cgroups.oom_kills(*made), 3);
  fs::remove_all(parent);
}

}  // namespace
}  // namespace bimodal::sandbox

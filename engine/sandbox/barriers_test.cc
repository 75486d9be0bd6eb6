// Each barrier of a sandbox, with an attempt to cross it from inside.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "sandbox/testing/fixture.h"

namespace bimodal::sandbox {
namespace {

namespace fs = std::filesystem;

class BarriersTest : public SandboxTest {
 protected:
  // Runs every call in one sandbox; returns the lines of those that succeeded or were unknown to the probe.
  std::vector<std::string> crossed(Profile profile, const std::vector<std::string>& calls) {
    std::vector<std::string> argv = {"attempts"};
    argv.insert(argv.end(), calls.begin(), calls.end());
    Spec spec = probe(argv);
    spec.profile = profile;
    Outcome ran = run(spec);
    EXPECT_EQ(ran.report.exit_code, 0);
    std::vector<std::string> found;
    std::istringstream lines(ran.output);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      if (line.ends_with(" ok")) found.push_back(line);
    }
    EXPECT_EQ(count, calls.size()) << ran.output;
    return found;
  }
};

TEST_F(BarriersTest, ContainersMakeNoPrivilegedCall) {
  EXPECT_EQ(crossed(Profile::Container, kForbidden), std::vector<std::string>());
  EXPECT_EQ(crossed(Profile::Container, {"chroot", "setuid"}), std::vector<std::string>());
}

TEST_F(BarriersTest, BuildsMakeNoPrivilegedCallButChrootAndSetuid) {
  EXPECT_EQ(crossed(Profile::Build, kForbidden), std::vector<std::string>());
  EXPECT_EQ(crossed(Profile::Build, {"setuid"}).size(), 1U);
  EXPECT_EQ(crossed(Profile::Build, {"chroot"}).size(), 1U);
}

TEST_F(BarriersTest, OrdinaryCallsWork) {
  std::vector<std::string> calls = {"clone", "mknod_fifo", "netlink"};
  EXPECT_EQ(crossed(Profile::Container, calls).size(), calls.size());
}

TEST_F(BarriersTest, Clone3LooksAbsentSoThatLibrariesFallBack) {
  EXPECT_EQ(run_probe({"attempt", "clone3"}).output, "ENOSYS\n");
  EXPECT_EQ(run_probe({"attempt", "io_uring_setup"}).output, "ENOSYS\n");
}

TEST_F(BarriersTest, ReadsNoFileOfTheHost) {
  ASSERT_EQ(::access("/etc/shadow", F_OK), 0);
  EXPECT_EQ(run_probe({"read", "/etc/shadow"}).output, "ENOENT\n");
  EXPECT_EQ(run_probe({"read", home_ / "launcher.lock"}).output, "ENOENT\n");
  EXPECT_EQ(run_probe({"list", "/proc/1/root"}).output, "EACCES\n");
  EXPECT_EQ(run_probe({"read", "/proc/1/fd/0"}).output, "EACCES\n");
  EXPECT_EQ(run_probe({"read", "/proc/1/environ"}).output, "EACCES\n");
}

// A layer is part of the root filesystem; ".." and links must not lead out of it.
TEST_F(BarriersTest, LinksInTheImageDontLeadOutOfIt) {
  fs::create_symlink("/../../../../../../etc/shadow", layer_ / "escape");
  EXPECT_EQ(run_probe({"read", "/escape"}).output, "ENOENT\n");
  fs::remove(layer_ / "etc" / "hosts");
  fs::create_symlink("/proc/self/fd/3", layer_ / "etc" / "hosts");
  fs::create_symlink((home_ / "victim").native(), layer_ / "place");
  std::ofstream(home_ / "shared") << "shared";
  Spec spec = probe({"read", "/etc/hosts"});
  spec.binds = {{home_ / "shared", "/place"}};
  Outcome ran = run(spec);
  EXPECT_FALSE(fs::exists(home_ / "victim"));
  EXPECT_TRUE(ran.failure || ran.output.find("127.0.0.1") != std::string::npos);
}

TEST_F(BarriersTest, ReadsNoFileOfAnotherSandbox) {
  Spec first = probe({"wait"});
  auto sandbox = start(first);
  std::ofstream(first.upper / "secret") << "secret";
  EXPECT_EQ(run_probe({"read", "/secret"}).output, "ENOENT\n");
  EXPECT_EQ(run_probe({"read", first.upper / "secret"}).output, "ENOENT\n");
  end(std::move(sandbox));
}

TEST_F(BarriersTest, SandboxesHaveDistinctHostUsers) {
  if (rootless()) GTEST_SKIP() << "an ordinary user has no range for each";
  auto one = start(probe({"wait"}));
  auto two = start(probe({"wait"}));
  auto uid_of = [](int pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/uid_map");
    std::uint64_t inside = 0, outside = 0;
    in >> inside >> outside;
    return outside;
  };
  EXPECT_GE(uid_of(one->pid()), 1'000'000'000U);
  EXPECT_GE(uid_of(two->pid()), uid_of(one->pid()) + 65'536);
  end(std::move(one));
  end(std::move(two));
}

TEST_F(BarriersTest, ReachesNoAbstractSocketOfTheHost) {
  UniqueFd server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  std::string name = "bimodal-test-" + std::to_string(::getpid());
  name.copy(address.sun_path + 1, name.size());
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(::bind(server.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(server.get(), 1), 0);
  EXPECT_EQ(run_probe({"connect-abstract", name}).output, "ECONNREFUSED\n");
}

TEST_F(BarriersTest, ProcShowsNeitherTheHostNorItsSwitches) {
  EXPECT_NE(run_probe({"write", "/proc/sys/kernel/panic", "1"}).output, "ok\n");
  EXPECT_NE(run_probe({"write", "/proc/sysrq-trigger", "h"}).output, "ok\n");
  EXPECT_EQ(run_probe({"read", "/proc/keys"}).output, "");
  EXPECT_EQ(run_probe({"list", "/sys"}).output, "ENOENT\n");
}

TEST_F(BarriersTest, DevHoldsTheHarmlessDevicesOnly) {
  std::istringstream names(run_probe({"list", "/dev"}).output);
  std::set<std::string> found{std::istream_iterator<std::string>(names), {}};
  std::set<std::string> expected = {"fd",     "full",  "null",   "ptmx", "pts",     "random", "shm",
                                    "stderr", "stdin", "stdout", "tty",  "urandom", "zero"};
  EXPECT_EQ(found, expected);
}

TEST_F(BarriersTest, DeviceNodesInALayerDontWork) {
  if (::mknod((layer_ / "zero").c_str(), S_IFCHR | 0666, 0x105) != 0) GTEST_SKIP() << "can't make device nodes here";
  ::chmod((layer_ / "zero").c_str(), 0666);
  EXPECT_EQ(run_probe({"read", "/zero"}).output, "EACCES\n");
}

TEST_F(BarriersTest, SetuidProgramsOfTheHostGainNothing) {
  ::chmod((layer_ / "bin" / "probe").c_str(), 04755);
  Spec spec = probe({"effective"});
  spec.user = "1000:1000";
  EXPECT_EQ(run(spec).output, "1000\n");
}

}  // namespace
}  // namespace bimodal::sandbox

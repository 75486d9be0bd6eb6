// Starting, waiting, killing: what a sandbox is given and what comes back.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "sandbox/testing/fixture.h"

namespace bimodal::sandbox {
namespace {

namespace fs = std::filesystem;

using LauncherTest = SandboxTest;

TEST_F(LauncherTest, ReportsTheExitCode) {
  Outcome ran = run_probe({"exit", "7"});
  ASSERT_FALSE(ran.failure) << ran.failure->message;
  EXPECT_EQ(ran.report.exit_code, 7);
  EXPECT_EQ(ran.report.signal, 0);
  EXPECT_FALSE(ran.report.out_of_memory);
}

TEST_F(LauncherTest, ReportsTheSignalThatEndedTheProcess) {
  Outcome ran = run_probe({"die", "11"});
  EXPECT_EQ(ran.report.signal, SIGSEGV);
  EXPECT_EQ(ran.report.exit_code, -1);
}

TEST_F(LauncherTest, GivesExactlyTheEnvironmentTheWorkingDirectoryAndTheDescriptors) {
  Spec spec = probe({"env"});
  spec.env["WORD"] = "a b=c";
  EXPECT_EQ(run(spec).output, "PATH=/bin\nWORD=a b=c\n");
  spec = probe({"cwd"});
  spec.cwd = "/etc";
  EXPECT_EQ(run(spec).output, "/etc\n");
  spec = probe({"fds"});
  spec.fds = {{0, 9}, {0, 5}};
  EXPECT_EQ(run(spec).output, "0 1 2 5 9 \n");
}

TEST_F(LauncherTest, NamesWhatCouldNotBeExecuted) {
  Spec spec = probe({});
  spec.argv = {"nonesuch"};
  Outcome ran = run(spec);
  ASSERT_TRUE(ran.failure);
  EXPECT_EQ(ran.failure->code, Code::NotFound);
  EXPECT_NE(ran.failure->message.find("nonesuch"), std::string::npos) << ran.failure->message;
}

TEST_F(LauncherTest, NamesTheLayerThatDoesNotExist) {
  Spec spec = probe({"id"});
  spec.layers.push_back(home_ / "layers" / "missing");
  Outcome ran = run(spec);
  ASSERT_TRUE(ran.failure);
  EXPECT_NE(ran.failure->message.find("layers/missing"), std::string::npos) << ran.failure->message;
}

TEST_F(LauncherTest, RunsAsTheUserOfTheImage) {
  Spec spec = probe({"id"});
  EXPECT_EQ(run(spec).output, "0:0\n");
  spec = probe({"id"});
  spec.user = "ann";
  EXPECT_EQ(run(spec).output, "1000:1001\n");
  spec = probe({"id"});
  spec.user = "33:44";
  EXPECT_EQ(run(spec).output, "33:44\n");
  spec = probe({"id"});
  spec.user = "bob";
  Outcome ran = run(spec);
  ASSERT_TRUE(ran.failure);
  EXPECT_NE(ran.failure->message.find("user bob"), std::string::npos);
}

TEST_F(LauncherTest, KeepsChangesOutOfTheLayersAndOwnedFromZeroInTheUpperDirectory) {
  Spec spec = probe({"write", "/etc/new", "text"});
  spec.keep_upper = true;
  EXPECT_EQ(run(spec).output, "ok\n");
  EXPECT_FALSE(fs::exists(layer_ / "etc" / "new"));
  struct stat status{};
  ASSERT_EQ(::stat((spec.upper / "etc" / "new").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U);
  EXPECT_FALSE(fs::exists(spec.upper.native() + ".work"));
  // What was kept serves as a layer.
  Spec next = probe({"read", "/etc/new"});
  next.layers.push_back(spec.upper);
  EXPECT_EQ(run(next).output, "text");
  fs::remove_all(spec.upper);
}

TEST_F(LauncherTest, StacksFortyLayers) {
  Spec spec = probe({"read", "/which"});
  for (int i = 0; i < 40; ++i) {
    fs::path layer = home_ / "layers" / (std::string(60, 'x') + std::to_string(i));
    fs::create_directories(layer);
    std::ofstream(layer / "which") << i;
    spec.layers.push_back(layer);
  }
  EXPECT_EQ(run(spec).output, "39");
}

TEST_F(LauncherTest, MountsBindsReadOnlyWhereAsked) {
  std::ofstream(home_ / "shared") << "shared";
  Spec spec = probe({"read", "/new/place/file"});
  spec.binds = {{home_ / "shared", "/new/place/file"}};
  EXPECT_EQ(run(spec).output, "shared");
  spec = probe({"write", "/file", "x"});
  spec.binds = {{home_ / "shared", "/file"}};
  EXPECT_EQ(run(spec).output, "EROFS\n");
  spec = probe({"write", "/dir/shared", "x"});
  spec.binds = {{home_, "/dir", false}};
  EXPECT_EQ(run(spec).output, "ok\n");
}

TEST_F(LauncherTest, ForwardsSignalsToTheProcess) {
  auto sandbox = start(probe({"catch"}));
  on_loop([&] { sandbox->signal(SIGUSR1); });
  EXPECT_EQ(wait(*sandbox).exit_code, SIGUSR1);
  end(std::move(sandbox));
}

TEST_F(LauncherTest, KillsEverythingInside) {
  auto sandbox = start(probe({"wait"}));
  int pid = sandbox->pid();
  on_loop([&] { sandbox->kill(); });
  EXPECT_EQ(wait(*sandbox).signal, SIGKILL);
  EXPECT_EQ(wait(*sandbox).signal, SIGKILL);  // callable many times
  EXPECT_EQ(::kill(pid, 0), -1);
  end(std::move(sandbox));
}

TEST_F(LauncherTest, EndsOrphansWithTheProcess) {
  Outcome ran = run_probe({"orphan"});  // its orphan holds stdout: run() would not return if it lived on
  EXPECT_EQ(ran.report.exit_code, 0);
}

TEST_F(LauncherTest, RefusesASecondSandboxOfTheSameName) {
  Spec spec = probe({"wait"});
  auto first = start(spec);
  Outcome second = run(spec);
  ASSERT_TRUE(second.failure);
  EXPECT_EQ(second.failure->code, Code::AlreadyExists);
  end(std::move(first));
}

TEST_F(LauncherTest, SeesItsOwnProcessesOnly) {
  EXPECT_EQ(run_probe({"pids"}).output, "2\n");  // init and the probe
}

TEST_F(LauncherTest, HasAnAddressOnEth0) {
  Outcome ran = run_probe({"address", "eth0"});
  EXPECT_EQ(ran.output, ran.address + "\n");
  EXPECT_EQ(run_probe({"address", "lo"}).output, "127.0.0.1\n");
}

TEST_F(LauncherTest, ClosesTheHomeToOtherUsers) {
  ::chmod(home_.c_str(), 0755);
  restart_launcher();
  EXPECT_EQ(run_probe({"id"}).output, "0:0\n");
  struct stat status{};
  ASSERT_EQ(::stat(home_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700U);
}

TEST_F(LauncherTest, BindsLowPorts) {
  EXPECT_EQ(run_probe({"bind", "80"}).output, "ok\n");
}

}  // namespace
}  // namespace bimodal::sandbox

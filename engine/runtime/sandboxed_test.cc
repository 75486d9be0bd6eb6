// Containers in real sandboxes, whose image is one static program.
#include <gtest/gtest.h>

#include "scheduler/launcher_contract.h"
#include "testing/containers_fixture.h"

namespace bimodal::runtime {
namespace {

namespace fs = std::filesystem;

using scheduler::ExitKind;
using scheduler::on;
using scheduler::until;

std::unique_ptr<sandbox::Launcher> sandboxed(ContainersHome& home) {
  fs::path layer = home.home.path / "layer";
  fs::create_directories(layer / "bin");
  fs::create_directories(layer / "etc");
  fs::create_directories(layer / "tmp");
  fs::copy_file(FAKE_CONTAINER, layer / "bin" / "fake_container");
  home.planner.layers = {layer};
  home.planner.program = "fake_container";
  auto process = sandbox::fork_launcher({.home = home.config.home, .init_path = BIMODAL_INIT});
  CHECK(process.has_value());
  return sandbox::connect_launcher(std::move(*process), home.control.executor());
}

struct SandboxedSubject : ContractSubject {
  SandboxedSubject() : ContractSubject(sandboxed) {}
};

class SandboxedContainers : public testing::Test {
 protected:
  ContainersHome home{sandboxed};
};

TEST_F(SandboxedContainers, ReachTheirServerAndAreReached) {
  auto container = home.launched(web_function("serve"));
  ASSERT_TRUE(container) << container.error().message;
  std::string id = (*container)->task_id();
  EXPECT_TRUE(until([&] { return home.api.said(id) == id + "\n"; }));
}

TEST_F(SandboxedContainers, ReachTheirServerAsAnOrdinaryUserAndCanNotChangeTheirArguments) {
  home.planner.user = "1000:1000";
  auto container = home.launched(web_function("intruder"));
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_TRUE(until([&] { return home.log.contains("uid 1000\n", model::LogStream::Stdout); }));
  EXPECT_FALSE(home.log.contains("arguments.bin is writable\n", model::LogStream::Stdout));
}

TEST_F(SandboxedContainers, CanNotChangeTheirArgumentsAsRootEither) {
  auto container = home.launched(web_function("intruder"));
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_TRUE(until([&] { return home.log.contains("uid 0\n", model::LogStream::Stdout); }));
  EXPECT_FALSE(home.log.contains("arguments.bin is writable\n", model::LogStream::Stdout));
}

TEST_F(SandboxedContainers, ThatEatTooMuchSayThatTheyWereOutOfMemory) {
  auto version = web_function("hog");
  version.resources.memory_mb_max = 32;
  auto failed = home.launched(version);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "out of memory (its limit is 32 MiB: raise `memory`) before it was ready");
}

TEST_F(SandboxedContainers, LeaveNothingBehind) {
  auto container = home.launched(web_function("serve"));
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_TRUE(fs::exists(home.config.home / "run" / (*container)->task_id() / "upper"));
  on(home.control, [&] { (*container)->drain(); });
  EXPECT_EQ(home.exit_of(*container).kind, ExitKind::Finished);
  EXPECT_TRUE(until([&] { return fs::is_empty(home.config.home / "run"); }));
}

}  // namespace
}  // namespace bimodal::runtime

namespace bimodal::scheduler {
INSTANTIATE_TYPED_TEST_SUITE_P(Sandboxed, LauncherContract, runtime::SandboxedSubject);
}  // namespace bimodal::scheduler

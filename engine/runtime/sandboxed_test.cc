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

class ReservedContainers : public SandboxedContainers {
 protected:
  void SetUp() override {
    home.config.max_standbys = 2;
    home.config.standby_ready = 1;
    home.planner.reserve = Reserve{.layers = 1, .env = {{"PATH", "/bin"}}};
  }
  void expect(std::vector<model::FunctionVersion> versions) {
    std::vector<model::FunctionVersionPtr> shared;
    for (auto& version : versions) shared.push_back(std::make_shared<const model::FunctionVersion>(version));
    home.containers();
    on(home.control, [&] { home.containers().expect("ap-1", shared); });
  }
  std::vector<StandbyInfo> standbys() {
    return on(home.control, [&] { return home.containers().standbys(); });
  }
  std::size_t ready() {
    auto all = standbys();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](auto& one) { return one.ready; }));
  }
  bool runs(const std::string& id) { return fs::exists(home.config.home / "run" / id); }
};

TEST_F(ReservedContainers, AreTakenByTheNextStartAndReplaced) {
  expect({web_function("serve"), web_function("serve")});  // with one function it would have a zygote
  ASSERT_TRUE(until([&] { return ready() == 1; }));
  std::string taken = standbys().front().id;
  auto container = home.launched(web_function("serve"));
  ASSERT_TRUE(container) << container.error().message;
  std::string id = (*container)->task_id();
  EXPECT_TRUE(until([&] { return home.api.said(id) == id + "\n"; }));
  EXPECT_TRUE(runs(taken));
  EXPECT_FALSE(runs(id));  // it lives in the directory of the one that it took
  EXPECT_TRUE(until([&] { return ready() == 1 && standbys().front().id != taken; }));
  on(home.control, [&] { (*container)->drain(); });
  EXPECT_EQ(home.exit_of(*container).kind, ExitKind::Finished);
  EXPECT_TRUE(until([&] { return !runs(taken); }));
}

TEST_F(ReservedContainers, AreForkedForManyStartsAtOnce) {
  home.config.standby_ready = 2;
  expect({web_function("serve")});
  ASSERT_TRUE(until([&] { return ready() == 2; }));
  auto containers = home.launched_at_once(web_function("serve"), 6);
  ASSERT_EQ(containers.size(), 6U);
  for (const auto& container : containers) EXPECT_FALSE(runs(container->task_id())) << "it started from the beginning";
  EXPECT_TRUE(until([&] { return ready() == 2; }));
}

TEST_F(ReservedContainers, OfAFunctionThatStartsOftenAreForkedWhereItsCodeBegins) {
  expect({web_function("serve")});
  auto forked_late = [&] { return home.log.contains("forked late\n", model::LogStream::Stdout); };
  std::vector<std::shared_ptr<scheduler::Container>> containers;
  const auto starts = [&] {
    auto started = home.launched_at_once(web_function("serve"), 1);
    containers.insert(containers.end(), started.begin(), started.end());
    return !started.empty() && forked_late();
  };
  EXPECT_TRUE(until(starts));
}

TEST_F(ReservedContainers, AreLoadedOneByOneWhereTheyCanNotBeForked) {
  home.planner.reserve->env["FAKE_STANDBY"] = "alone";
  expect({web_function("serve")});
  ASSERT_TRUE(until([&] { return ready() == 1; }));
  EXPECT_TRUE(home.log.contains(
      "containers of this image aren't forked, but loaded one by one: for forks\n", model::LogStream::System));
  auto container = home.launched(web_function("serve"));
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_FALSE(runs((*container)->task_id()));
}

TEST_F(ReservedContainers, GoOnAfterTheEndOfTheirZygoteUntilTheyEndThemselves) {
  expect({web_function("serve")});
  ASSERT_TRUE(until([&] { return ready() == 1; }));
  auto container = home.launched(web_function("serve"));
  ASSERT_TRUE(container) << container.error().message;
  std::string id = (*container)->task_id();
  EXPECT_TRUE(until([&] { return home.api.said(id) == id + "\n"; }));
  on(home.control, [&] { home.containers().dismiss("ap-1"); });
  EXPECT_TRUE(standbys().empty());
  on(home.control, [&] { (*container)->drain(); });
  EXPECT_EQ(home.exit_of(*container).kind, ExitKind::Finished);
  EXPECT_TRUE(until([&] { return fs::is_empty(home.config.home / "run"); }));
}

TEST_F(ReservedContainers, OfOtherLimitsAreNotTaken) {
  expect({web_function("serve")});
  ASSERT_TRUE(until([&] { return ready() == 1; }));
  auto larger = web_function("serve");
  larger.resources.memory_mb_max = 64;
  auto container = home.launched(larger);
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_TRUE(runs((*container)->task_id()));
}

TEST_F(ReservedContainers, ThatAreUnfitLeaveTheStartAsItWasAndSayWhy) {
  home.planner.reserve->env["FAKE_STANDBY"] = "unfit";
  expect({web_function("serve")});
  auto said = [&] {
    return home.log.contains(
        "containers of this image are started from the beginning: for anything\n", model::LogStream::System);
  };
  EXPECT_TRUE(until(said));
  auto container = home.launched(web_function("serve"));
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_TRUE(runs((*container)->task_id()));
}

TEST_F(ReservedContainers, AreNoMoreThanTheSettingAndGoWithTheirApp) {
  std::vector<model::FunctionVersion> versions(3, web_function("serve"));
  for (int i = 0; i < 3; ++i) versions[static_cast<std::size_t>(i)].resources.memory_mb_max = 64 + i;
  expect(versions);
  ASSERT_TRUE(until([&] { return ready() == 2; }));
  on(home.control, [&] { home.containers().dismiss("ap-1"); });
  EXPECT_TRUE(standbys().empty());
  EXPECT_TRUE(until([&] { return fs::is_empty(home.config.home / "run"); }));
}

TEST_F(ReservedContainers, GoWhenTheAppHasStartedNothingForALongTime) {
  home.config.standby_idle = 200ms;
  expect({web_function("serve")});
  EXPECT_TRUE(until([&] { return !standbys().empty(); }));
  EXPECT_TRUE(until([&] { return standbys().empty() && fs::is_empty(home.config.home / "run"); }));
}

TEST_F(ReservedContainers, AreGoneWhenTheyCanNotBecomeTheContainer) {
  expect({web_function("serve")});
  ASSERT_TRUE(until([&] { return ready() == 1; }));
  std::string taken = standbys().front().id;
  home.planner.layers.push_back(home.home.path / "missing");  // no new root can be made of that
  auto failed = home.launched(web_function("serve"));
  EXPECT_FALSE(failed);
  EXPECT_TRUE(until([&] { return !runs(taken); }));
}

}  // namespace
}  // namespace bimodal::runtime

namespace bimodal::scheduler {
INSTANTIATE_TYPED_TEST_SUITE_P(Sandboxed, LauncherContract, runtime::SandboxedSubject);
}  // namespace bimodal::scheduler

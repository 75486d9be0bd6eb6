#include "runtime/containers.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>
#include <fstream>

#include "scheduler/launcher_contract.h"
#include "testing/containers_fixture.h"
#include "testing/unboxed_launcher.h"
#include "wire/frame.h"

namespace bimodal::runtime {
namespace {

using scheduler::ExitKind;
using scheduler::get;
using scheduler::on;
using scheduler::start;
using scheduler::until;

std::unique_ptr<sandbox::Launcher> unboxed(ContainersHome& home) {
  return std::make_unique<UnboxedLauncher>(home.control.executor());
}

class ContainersTest : public testing::Test {
 protected:
  std::shared_ptr<scheduler::Container> warm(const std::string& tag = "serve") {
    auto launched = home.launched(web_function(tag));
    EXPECT_TRUE(launched) << (launched ? "" : launched.error().message);
    return launched.value();
  }
  std::string failure(const std::string& tag) {
    auto launched = home.launched(web_function(tag));
    return launched ? "it started" : launched.error().message;
  }
  std::vector<sandbox::Spec>& specs() { return static_cast<UnboxedLauncher&>(*home.sandboxes).started; }

  ContainersHome home{unboxed};
};

std::string first_frame_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return "";
  char bytes[wire::kHeaderSize + 29];
  ssize_t size = ::recv(socket.get(), bytes, sizeof bytes, MSG_WAITALL);
  return std::string(bytes, std::max<ssize_t>(size, 0));
}

TEST_F(ContainersTest, StartsAContainerThatTheGatewayCanReachByPath) {
  auto container = warm();
  EXPECT_TRUE(first_frame_at(container->web_socket()).ends_with(container->task_id()));
}

TEST_F(ContainersTest, KnowsWhatAContainerSaysOfItsImport) {
  auto told = home.launched(web_function("imported"));
  ASSERT_TRUE(told);
  const scheduler::StartTimes& times = (*told)->start_times();
  EXPECT_GT(times.imported, times.asked);
  EXPECT_LT(times.imported, times.warm);
  auto untold = warm();
  EXPECT_EQ(untold->start_times().imported, 0);
  EXPECT_GE(untold->start_times().warm, untold->start_times().running);
  metrics::Page page;
  on(home.control, [&] { home.containers().write_metrics(page); });
  EXPECT_NE(page.text().find("kind=\"beginning\"} 1\n"), std::string::npos) << page.text();
}

TEST_F(ContainersTest, TellsTheContainerWhoItIsAndWhereItsServerIs) {
  auto container = warm();
  auto spec = on(home.control, [&] { return specs().at(0); });
  EXPECT_EQ(spec.argv, (std::vector<std::string>{FAKE_CONTAINER, "-u", "-m", "modal._container_entrypoint"}));
  EXPECT_EQ(spec.env["MODAL_TASK_ID"], container->task_id());
  EXPECT_EQ(spec.env["MODAL_SERVER_URL"], "unix:///__modal/api/api.sock");
  EXPECT_EQ(spec.env["MODAL_CONTAINER_ARGUMENTS_PATH"], "/__modal/api/arguments.bin");
  EXPECT_EQ(spec.env["BIMODAL_LISTEN_FD"], "3");
  EXPECT_EQ(spec.env["MODAL_HEARTBEAT_INTERVAL"], "30.000");
  std::ifstream arguments(spec.binds.at(0).source / "arguments.bin");
  std::string text{std::istreambuf_iterator<char>(arguments), {}};
  EXPECT_EQ(text, "arguments of " + container->task_id());
}

TEST_F(ContainersTest, HandsApiConnectionsOnWithTheTaskThatMadeThem) {
  auto container = warm();
  EXPECT_TRUE(until([&] { return home.api.said(container->task_id()) == container->task_id() + "\n"; }));
}

TEST_F(ContainersTest, IsNotWarmBeforeItsSeatWasTaken) {
  auto version = web_function("serve");
  version.function_id = "fu-2";  // whose orders nobody takes but this test
  version.web_methods.resize(2);
  version.web_methods[0].method_name = "first";
  version.web_methods[1].method_name = "second";
  auto launching = start(home.control, home.launch(version));
  ASSERT_TRUE(until([&] { return home.alive() == 1; }));
  auto task_id = on(home.control, [&] { return home.containers().list().at(0).task_id; });
  auto session = home.session(task_id);
  EXPECT_EQ(launching.wait_for(100ms), std::future_status::timeout);
  auto order = get(start(home.control, session->next_order(Deadline::after(20s), {})));
  EXPECT_EQ(order.method_name, "first") << "which stands for both";
  EXPECT_TRUE(order.input_id.starts_with("in-") && order.function_call_id.starts_with("fc-"));
  EXPECT_TRUE(get(std::move(launching)));
  order = get(start(home.control, session->next_order(Deadline::after(10ms), {})));
  EXPECT_EQ(order.kind, Order::Kind::Nothing);
}

TEST_F(ContainersTest, IsWarmAtItsFirstQuestionWhenItHasNoWebMethod) {
  auto version = web_function("hang");
  version.web_methods.clear();
  EXPECT_TRUE(home.launched(version));
}

TEST_F(ContainersTest, AnswersAWaitingQuestionWithTheKillSwitchWhenTheUserStopsFetching) {
  auto container = warm();
  auto session = home.session(container->task_id());
  auto order = start(home.control, session->next_order(Deadline::after(20s), {}));
  on(home.control, [&] { session->stop_fetching(); });
  EXPECT_EQ(get(std::move(order)).kind, Order::Kind::KillSwitch);
  EXPECT_TRUE(on(home.control, [&] { return home.containers().list().at(0).draining; }));
}

TEST_F(ContainersTest, PassesOutputOnLineByLineWithItsIds) {
  auto container = warm();
  on(home.control, [&] { container->drain(); });
  home.exit_of(container);
  ASSERT_TRUE(home.log.contains("bye\n", model::LogStream::Stdout));
  auto entry = home.log.entries().back();
  EXPECT_EQ(entry.app_id, "ap-1");
  EXPECT_EQ(entry.function_id, "fu-1");
  EXPECT_EQ(entry.task_id, container->task_id());
}

TEST_F(ContainersTest, PassesAnUnfinishedLineOnAfterAMoment) {
  auto container = warm("partial");
  EXPECT_TRUE(until([&] { return home.log.contains("half a line", model::LogStream::Stdout); }));
}

TEST_F(ContainersTest, LosesNothingOfAFloodAndKeepsServingTheLoop) {
  auto launching = start(home.control, home.launch(web_function("flood")));
  auto longest = 0ns;
  while (launching.wait_for(1ms) != std::future_status::ready) {
    auto begun = Deadline::Clock::now();
    on(home.control, [] {});
    longest = std::max<std::chrono::nanoseconds>(longest, Deadline::Clock::now() - begun);
  }
  ASSERT_TRUE(get(std::move(launching)));
  ASSERT_TRUE(until([&] { return home.log.entries().size() >= 20000; }));
  EXPECT_EQ(home.log.entries().back().text, "line 19999\n");
  EXPECT_LT(longest, 2s);
}

TEST_F(ContainersTest, SaysWhyAContainerDidNotStart) {
  EXPECT_EQ(failure("exit"), "exited with status 3 before it was ready");
  EXPECT_EQ(failure("finish"), "exited by itself before it was ready");
  EXPECT_EQ(failure("crash"), "terminated by SIGSEGV before it was ready");
  EXPECT_EQ(failure("unplannable"), "image im-1 is gone: deploy again");
  EXPECT_NE(failure("newer").find("protocol version"), std::string::npos);
  EXPECT_TRUE(home.log.contains("container: exited with status 3 before it was ready\n", model::LogStream::System));
  EXPECT_TRUE(until([&] { return home.alive() == 0; }));
}

TEST_F(ContainersTest, SaysWhetherASignalEndedTheStart) {
  EXPECT_EQ(home.launched(web_function("crash")).error().code, Code::Aborted);
  EXPECT_EQ(home.launched(web_function("exit")).error().code, Code::FailedPrecondition);
  EXPECT_TRUE(until([&] { return home.alive() == 0; }));
}

TEST_F(ContainersTest, KillsAContainerThatIsNotReadyInTime) {
  auto version = web_function("hang");
  version.startup_timeout = 100ms;
  auto launched = home.launched(version);
  ASSERT_FALSE(launched);
  EXPECT_EQ(launched.error().message, "not ready within 100 ms (startup_timeout)");
  EXPECT_TRUE(until([&] { return home.alive() == 0; }));
}

TEST_F(ContainersTest, FailsTheStartWithWhatTheContainerReported) {
  home.config.exit_grace = 300ms;
  auto launching = start(home.control, home.launch(web_function("hang")));
  ASSERT_TRUE(until([&] { return home.alive() == 1; }));
  auto task_id = on(home.control, [&] { return home.containers().list().at(0).task_id; });
  auto session = home.session(task_id);
  StartFailure reported{"ModuleNotFoundError:\n No module named 'x'", "Traceback …"};
  on(home.control, [&] { session->start_failed(reported); });
  auto launched = get(std::move(launching));
  ASSERT_FALSE(launched);
  EXPECT_EQ(launched.error().message, "ModuleNotFoundError: No module named 'x'");
  EXPECT_TRUE(until([&] { return home.alive() == 0; })) << "it is killed after the grace time";
}

TEST_F(ContainersTest, ReportsACrashOfAWarmContainer) {
  auto container = warm();
  ASSERT_TRUE(until([&] { return home.session(container->task_id()) != nullptr; }));
  auto task = on(home.control, [&] { return home.containers().list().at(0); });
  EXPECT_GT(task.started_at.time_since_epoch().count(), 0);
  on(home.control, [&] { container->kill(); });
  EXPECT_EQ(home.exit_of(container).kind, ExitKind::Signalled);
  EXPECT_TRUE(until([&] { return home.session(container->task_id()) == nullptr; }));
}

TEST_F(ContainersTest, InterruptsAndThenKillsAContainerThatDoesNotDrain) {
  home.config.exit_grace = 300ms;
  auto container = warm("stubborn");
  auto begun = Deadline::Clock::now();
  on(home.control, [&] { container->drain(); });
  auto exit = home.exit_of(container);
  EXPECT_EQ(exit.kind, ExitKind::Signalled);
  EXPECT_EQ(exit.reason, "killed: its requests and exit handlers took longer than 300 ms");
  EXPECT_GE(Deadline::Clock::now() - begun, 600ms) << "the grace time, then a moment that is no longer than it";
}

TEST_F(ContainersTest, ReplacesNothingButLeavesWhenASeatEndsByItself) {
  auto version = web_function("serve");
  version.function_id = "fu-2";
  auto launching = start(home.control, home.launch(version));
  ASSERT_TRUE(until([&] { return home.alive() == 1; }));
  auto task_id = on(home.control, [&] { return home.containers().list().at(0).task_id; });
  auto session = home.session(task_id);
  auto seat = get(start(home.control, session->next_order(Deadline::after(20s), {})));
  auto container = get(std::move(launching)).value();
  on(home.control, [&] { session->output(seat.input_id, ""); });
  EXPECT_EQ(home.exit_of(container).kind, ExitKind::Finished);
}

TEST(ContainersHeartbeats, AreAnsweredWhenTheNextIsWantedAndMissedIfThatDoesNotCome) {
  ContainersHome home(unboxed);
  home.config.heartbeat_limit = 200ms;
  home.config.stalled_after = 0ms;  // its runner would answer for it
  auto container = home.launched(web_function("serve")).value();
  auto session = home.session(container->task_id());
  on(home.control, [&] { session->heartbeat(); });
  const auto answer = get(start(home.control, session->cancelled_inputs(Deadline::after(20s))));
  EXPECT_TRUE(answer.empty());
  EXPECT_EQ(home.exit_of(container).reason, "killed: it hangs (no heartbeat for 200 ms)");
}

TEST(ContainersAtStart, RemoveWhatAKilledDaemonLeft) {
  ContainersHome home(unboxed);
  auto stale = home.config.home / "run" / "ta-OLD" / "api";
  std::filesystem::create_directories(stale);
  home.containers();
  EXPECT_FALSE(std::filesystem::exists(stale.parent_path()));
}

// A container of a killed daemon may still write while the next one starts.
TEST(ContainersAtTheEnd, RemoveWhatCouldNotBeRemovedBefore) {
  ContainersHome home(unboxed);
  home.containers();
  auto left = home.config.home / "run" / "ta-OLD" / "upper";
  std::filesystem::create_directories(left);
  scheduler::wait_for(home.control, home.containers().close());
  EXPECT_FALSE(std::filesystem::exists(left.parent_path()));
}

TEST(ContainersAtHome, ServeFromAPathThatDoesNotFitIntoASocketAddress) {
  ContainersHome home(unboxed);
  home.config.home = home.home.path / std::string(150, 'x');
  auto container = home.launched(web_function("silent")).value();
  EXPECT_TRUE(first_frame_at(container->web_socket()).ends_with(container->task_id()));
}

struct UnboxedSubject : ContractSubject {
  UnboxedSubject() : ContractSubject(unboxed) {}
};

}  // namespace
}  // namespace bimodal::runtime

namespace bimodal::scheduler {
INSTANTIATE_TYPED_TEST_SUITE_P(Unboxed, LauncherContract, runtime::UnboxedSubject);
}  // namespace bimodal::scheduler

#include "scheduler/fake_launcher.h"

#include "scheduler/launcher_contract.h"

namespace bimodal::scheduler {
namespace {

struct FakeSubject {
  FakeSubject() { control.start(); }

  Loop& loop() { return control; }
  Launcher& launcher() { return fake; }
  model::FunctionVersionPtr works() { return version(0ms, 1s, std::nullopt); }
  model::FunctionVersionPtr fails() { return version(0ms, 1s, "SyntaxError: invalid syntax"); }
  model::FunctionVersionPtr hangs() { return version(1h, 10ms, std::nullopt); }
  model::FunctionVersionPtr hangs_long() { return version(1h, 2h, std::nullopt); }
  int alive() { return fake.alive(); }

  model::FunctionVersionPtr version(
      std::chrono::milliseconds start_time, std::chrono::milliseconds startup_timeout,
      std::optional<std::string> failure) {
    on(control, [&] {
      fake.start_time = start_time;
      fake.failure = std::move(failure);
    });
    model::FunctionVersion version;
    version.startup_timeout = startup_timeout;
    return std::make_shared<const model::FunctionVersion>(version);
  }

  Loop control{"control"};
  FakeLauncher fake{control.executor()};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Fake, LauncherContract, FakeSubject);

}  // namespace
}  // namespace bimodal::scheduler

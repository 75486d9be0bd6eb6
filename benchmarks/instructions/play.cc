// Plays the recorded requests through a real gateway, for counting its instructions: `count.py` runs it under
// callgrind.
//
// One thread, a clock that stands still, and a socket that is read when all has come: two runs do the same, instruction
// by instruction. Only what the gateway's loop does is collected, neither callers nor runner.
#include <unistd.h>
#include <valgrind/callgrind.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "answering_runner.h"
#include "base/check.h"
#include "callers.h"
#include "gateway/gateway.h"
#include "scheduler/fake_launcher.h"
#include "scheduler/functions.h"
#include "script.h"
#include "still_clock.h"

namespace bimodal::benchmarks {
namespace {

constexpr std::size_t kCallers = 8;
// Requests that arrive together, turn by turn: alone, as at low load, and in company.
constexpr std::size_t kTogether[] = {1, 4, 1, 8, 2, 1, 3};
constexpr std::size_t kWarmup = 70;
constexpr std::chrono::microseconds kBetweenTurns{200};

class NoBlobs : public gateway::BlobGate {
  Result<std::filesystem::path> open_upload(const std::string&, std::uint64_t) override { return none(); }
  Result<void> commit_upload(const std::string&, const std::string&) override { return none(); }
  Result<gateway::BlobPart> open_download(const std::string&) override { return none(); }
  static tl::unexpected<Error> none() { return error(Code::NotFound, "no blobs here"); }
};

enum class Collect { No, Yes };

// In TMPDIR, which count.py removes, however this ends.
std::filesystem::path make_directory() {
  std::string path = std::filesystem::temp_directory_path() / "instructions-XXXXXX";
  CHECK(::mkdtemp(path.data()) != nullptr);
  return path;
}

// Limits are on, and never reached.
gateway::GatewayLimits limits() {
  gateway::GatewayLimits limits;
  limits.requests_per_second = limits.function_requests_per_second = 10'000'000;
  return limits;
}

class Stage {
 public:
  Stage()
      : directory_(make_directory()),
        loop_("gateway"),
        runner_(directory_ / "web.sock"),
        launcher_(loop_.executor()),
        functions_(launcher_, loop_.executor(), {}) {
    launcher_.web_socket = runner_.path();
    gateway_ = std::move(*gateway::Gateway::listen({&loop_}, "127.0.0.1:0", functions_, blobs_, limits()));
    auto version = std::make_shared<model::FunctionVersion>();
    version->function_id = "fu-1";
    version->definition_id = "de-1";
    version->app_id = "ap-1";
    version->scaling.max_inputs = 1000;
    functions_.publish("ap-1", {version}, scheduler::Switch::AtOnce);
    gateway_->publish({{.host = "app.localhost", .function_id = "fu-1"}});
    for (UniqueFd& end : callers_.take_far_ends()) gateway_->adopt(std::move(end), "");
    turn(Collect::No);
  }

  void leave() { std::filesystem::remove_all(directory_); }

  void play(std::size_t requests, Collect collect) {
    for (std::size_t begun = 0, turns = 0; begun < requests; ++turns) {
      const std::size_t together = std::min(kTogether[turns % std::size(kTogether)], requests - begun);
      play_turn(begun, together, collect);
      begun += together;
    }
  }

 private:
  void play_turn(std::size_t first, std::size_t count, Collect collect) {
    for (std::size_t i = 0; i < count; ++i) callers_.send((first + i) % kCallers, request_text(first + i));
    turn(collect);
    runner_.answer();
    turn(collect);
    for (std::size_t i = 0; i < count; ++i) callers_.expect_answer((first + i) % kCallers, answer_size(first + i));
    pass_time(kBetweenTurns);
  }

  void turn(Collect collect) {
    if (collect == Collect::Yes) CALLGRIND_TOGGLE_COLLECT;
    loop_.context().restart();
    loop_.context().poll();
    if (collect == Collect::Yes) CALLGRIND_TOGGLE_COLLECT;
  }

  std::filesystem::path directory_;
  Loop loop_;
  AnsweringRunner runner_;
  NoBlobs blobs_;
  scheduler::FakeLauncher launcher_;
  scheduler::Functions functions_;
  std::unique_ptr<gateway::Gateway> gateway_;
  Callers callers_{kCallers};
};

}  // namespace
}  // namespace bimodal::benchmarks

int main() {
  using namespace bimodal::benchmarks;
  auto* stage = new Stage;  // nothing to shut down in order
  stage->play(kWarmup, Collect::No);
  stage->play(kRequests, Collect::Yes);
  stage->leave();
  std::printf("%zu requests\n", kRequests);
  std::fflush(stdout);
  ::_exit(0);
}

// A sandbox::Launcher without sandboxes, for this module's tests: a script given by the test stands for the command.
// Loop-bound, like the real one.
#pragma once

#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/pulse.h"
#include "sandbox/launcher.h"

namespace bimodal::image {

class FakeLauncher : public sandbox::Launcher {
 public:
  using Say = std::function<void(std::string_view)>;  // to the command's stdout; at most 64 KiB in all
  // Returns the exit status. Runs inside start(); may write into spec.upper.
  using Script = std::function<int(const sandbox::Spec& spec, const Say& say)>;

  FakeLauncher(boost::asio::any_io_executor executor, Script script)
      : gate_(std::make_shared<Gate>(executor)), script_(std::move(script)) {}

  // While held, commands don't end, unless killed.
  void hold() { gate_->held = true; }
  void release() {
    gate_->held = false;
    gate_->changed.notify_all();
  }

  const std::vector<sandbox::Spec>& started() const { return started_; }

  Task<Result<std::unique_ptr<sandbox::Sandbox>>> start(sandbox::Spec spec) override {
    Say say = [&spec](std::string_view text) {
      for (const auto& passed : spec.fds) {
        if (passed.number == 1) [[maybe_unused]]
          auto count = ::write(passed.fd, text.data(), text.size());
      }
    };
    started_.push_back(spec);
    int status = script_(spec, say);
    co_return std::make_unique<FakeSandbox>(gate_, status);
  }

  Task<void> close() override { co_return; }

 private:
  struct Gate {
    explicit Gate(boost::asio::any_io_executor executor) : changed(std::move(executor)) {}
    bool held = false;
    Pulse changed;
  };

  class FakeSandbox : public sandbox::Sandbox {
   public:
    FakeSandbox(std::shared_ptr<Gate> gate, int status) : gate_(std::move(gate)) { report_.exit_code = status; }
    int pid() const override { return 1; }
    const std::string& address() const override { return address_; }
    void signal(int) override {}
    void kill() override {
      report_ = sandbox::ExitReport{.exit_code = -1, .signal = 9, .out_of_memory = false};
      killed_ = true;
      gate_->changed.notify_all();
    }
    Task<sandbox::ExitReport> wait() override {
      while (gate_->held && !killed_) co_await gate_->changed.wait(Deadline::never());
      co_return report_;
    }
    Task<Result<void>> reroot(sandbox::Spec) override { co_return error(Code::Unimplemented, "a fake has no root"); }

   private:
    std::shared_ptr<Gate> gate_;
    sandbox::ExitReport report_;
    std::string address_ = "10.0.0.1";
    bool killed_ = false;
  };

  std::shared_ptr<Gate> gate_;
  Script script_;
  std::vector<sandbox::Spec> started_;
};

}  // namespace bimodal::image

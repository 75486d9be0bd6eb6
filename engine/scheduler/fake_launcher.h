// A Launcher whose containers are a line in a list: for tests of whoever starts or is served by containers.
//
// Loop-bound, but for the counters. Passes the contract in launcher_contract.h.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "async/pulse.h"
#include "base/ids.h"
#include "scheduler/launcher.h"

namespace bimodal::scheduler {

class FakeContainer : public Container {
 public:
  FakeContainer(boost::asio::any_io_executor executor, std::string web_socket, std::shared_ptr<std::atomic<int>> alive)
      : task_id_(new_task_id()), web_socket_(std::move(web_socket)), exited_(executor), alive_(std::move(alive)) {
    ++*alive_;
  }

  const std::string& task_id() const override { return task_id_; }
  const std::string& web_socket() const override { return web_socket_; }
  const StartTimes& start_times() const override { return times; }
  void note_cold_start(std::string phases) override { cold_starts.push_back(std::move(phases)); }
  void drain() override { end(ExitKind::Finished, ""); }
  void kill() override { end(ExitKind::Signalled, "killed by signal 9"); }
  Task<ContainerExit> wait_exit() override {
    while (!exit_) co_await exited_.wait(Deadline::never());
    co_return *exit_;
  }

  void on_stall(std::function<void(bool)> told) override { told_ = std::move(told); }
  void set_use(std::function<bool()> was_used) override { was_used_ = std::move(was_used); }
  bool was_used() { return was_used_(); }
  StartTimes times;
  std::vector<std::string> cold_starts;  // what requests were told that waited for it

  // What a container does by itself.
  void stall(bool stalled) { told_(stalled); }
  void end(ExitKind kind, std::string reason) {
    if (exit_) return;
    exit_ = ContainerExit{kind, std::move(reason)};
    --*alive_;
    exited_.notify_all();
  }

 private:
  std::string task_id_;
  std::string web_socket_;
  Pulse exited_;
  std::shared_ptr<std::atomic<int>> alive_;
  std::optional<ContainerExit> exit_;
  std::function<void(bool)> told_;
  std::function<bool()> was_used_;
};

class FakeLauncher : public Launcher {
 public:
  explicit FakeLauncher(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  // Set before use.
  std::chrono::milliseconds start_time{0};
  std::string web_socket = "/nowhere/web.sock";
  std::optional<std::string> failure;  // why every start fails
  int kills = 0;                       // so many starts are ended by a signal, before others go as they go

  int started() const { return started_; }  // starts that were asked for
  int alive() const { return *alive_; }     // containers that have not exited
  const std::vector<std::shared_ptr<FakeContainer>>& containers() const { return containers_; }

  Task<Result<std::shared_ptr<Container>>> launch(model::FunctionVersionPtr version) override {
    ++started_;
    const std::int64_t asked = now_ns();
    auto time = std::min(start_time, version->startup_timeout);
    if (time.count() > 0 && !co_await sleep_until(Deadline::after(time))) {
      co_return error(Code::Cancelled, "the start was cancelled");
    }
    if (kills > 0) {
      --kills;
      co_return error(Code::Aborted, "terminated by SIGKILL before it was ready");
    }
    if (failure) co_return error(Code::FailedPrecondition, "{}", *failure);
    if (start_time > version->startup_timeout) {
      co_return error(Code::FailedPrecondition, "not ready within {} ms", version->startup_timeout.count());
    }
    co_return add(asked);
  }

 private:
  static std::int64_t now_ns() { return std::chrono::nanoseconds(Deadline::Clock::now().time_since_epoch()).count(); }

  Result<std::shared_ptr<Container>> add(std::int64_t asked) {
    auto container = std::make_shared<FakeContainer>(executor_, web_socket, alive_);
    container->times = {.asked = asked, .running = asked, .imported = 0, .warm = now_ns()};
    containers_.push_back(container);
    return std::shared_ptr<Container>(std::move(container));
  }

  boost::asio::any_io_executor executor_;
  std::shared_ptr<std::atomic<int>> alive_ = std::make_shared<std::atomic<int>>(0);
  std::atomic<int> started_ = 0;
  std::vector<std::shared_ptr<FakeContainer>> containers_;
};

}  // namespace bimodal::scheduler

// Containers with everything that they need around them, for tests: a planner whose image is one program, a stand-in
// for `control` that takes the orders, a log in memory, a home in a temporary directory.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "base/check.h"
#include "runtime/containers.h"
#include "scheduler/test_support.h"

namespace bimodal::runtime {

using namespace std::chrono_literals;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char path[] = "/tmp/bimodal-test-XXXXXX";
    CHECK(::mkdtemp(path) != nullptr);
    this->path = path;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

// Plans `program` with the behaviour that the function's tag names.
class FakePlanner : public Planner {
 public:
  Task<Result<ContainerPlan>> plan(model::FunctionVersionPtr version, std::string task_id) override {
    if (version->tag == "unplannable") co_return error(Code::NotFound, "image im-1 is gone: deploy again");
    ContainerPlan plan;
    plan.layers = layers;
    plan.env["FAKE_CONTAINER"] = version->tag;
    plan.env["PATH"] = "/bin";
    plan.workdir = "/";
    plan.arguments = "arguments of " + task_id;
    plan.python = program;
    plan.user = user;
    plan.reserve = reserve;
    co_return plan;
  }
  std::vector<std::filesystem::path> layers;
  std::string program;
  std::string user;
  std::optional<Reserve> reserve;
};

// Keeps the connections, so that a test can read what every fake container says.
class FakeApi : public ApiConnections {
 public:
  void adopt(UniqueFd connection, std::string task_id) override {
    std::lock_guard lock(mutex_);
    connections_[std::move(task_id)] = std::move(connection);
  }
  // What came on that task's connection; empty when none came yet.
  std::string said(const std::string& task_id) {
    std::lock_guard lock(mutex_);
    auto found = connections_.find(task_id);
    if (found == connections_.end()) return "";
    char text[100];
    ssize_t size = ::read(found->second.get(), text, sizeof text);
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : "";
  }

 private:
  std::mutex mutex_;
  std::map<std::string, UniqueFd> connections_;
};

class LogInMemory {
 public:
  void append(model::LogEntry entry) {
    std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
  }
  std::vector<model::LogEntry> entries() {
    std::lock_guard lock(mutex_);
    return entries_;
  }
  bool contains(const std::string& text, model::LogStream stream) {
    auto all = entries();
    return std::any_of(all.begin(), all.end(), [&](auto& one) { return one.text == text && one.stream == stream; });
  }

 private:
  std::mutex mutex_;
  std::vector<model::LogEntry> entries_;
};

// One function with one web method. `tag` is the behaviour of fake_container.
inline model::FunctionVersion web_function(std::string tag) {
  model::FunctionVersion version;
  version.function_id = "fu-1";
  version.app_id = "ap-1";
  version.app_name = "shop";
  version.tag = std::move(tag);
  version.web_methods.resize(1);
  version.web_methods[0].kind = model::WebKind::Asgi;
  version.startup_timeout = 20s;
  return version;
}

class ContainersHome {
 public:
  // `make(*this)` returns the launcher of sandboxes. No thread runs yet.
  template <typename Make>
  explicit ContainersHome(Make make) {
    planner.program = FAKE_CONTAINER;
    config.home = home.path / "home";
    config.exit_grace = scheduler::kPatience;         // what drains is never killed because the machine is busy
    config.greeting_patience = scheduler::kPatience;  // the stand-in for `control` asks at once
    std::filesystem::create_directories(config.home);
    sandboxes = make(*this);
    control.start();
  }
  ~ContainersHome() {
    scheduler::wait_for(control, containers().close());
    scheduler::wait_for(control, control_tasks_.close());
    scheduler::on(control, [&] { containers_.reset(); });
    EXPECT_TRUE(std::filesystem::is_empty(config.home / "run"));
    scheduler::wait_for(control, sandboxes->close());
    scheduler::on(control, [&] { sandboxes.reset(); });
    EXPECT_TRUE(
        !std::filesystem::exists(config.home / "sandboxes") || std::filesystem::is_empty(config.home / "sandboxes"));
  }

  Containers& containers() {
    if (!containers_) {
      auto sink = [this](model::LogEntry entry) { log.append(std::move(entry)); };
      scheduler::on(control, [&] {
        containers_ = std::make_unique<Containers>(control.executor(), *sandboxes, planner, api, sink, config);
      });
    }
    return *containers_;
  }

  // Launches, and takes the container's orders as its client does.
  Task<Result<std::shared_ptr<scheduler::Container>>> launch(model::FunctionVersion version) {
    auto& containers = this->containers();
    return launch_and_take_orders(&containers, std::make_shared<const model::FunctionVersion>(std::move(version)));
  }
  Result<std::shared_ptr<scheduler::Container>> launched(model::FunctionVersion version) {
    return scheduler::get(scheduler::start(control, launch(std::move(version))));
  }
  // Those of so many starts at once that came up.
  std::vector<std::shared_ptr<scheduler::Container>> launched_at_once(
      const model::FunctionVersion& version, int count) {
    std::vector<decltype(scheduler::start(control, launch(version)))> starts;
    for (int i = 0; i < count; ++i) starts.push_back(scheduler::start(control, launch(version)));
    std::vector<std::shared_ptr<scheduler::Container>> containers;
    for (auto& each : starts) {
      auto container = scheduler::get(std::move(each));
      if (container) containers.push_back(*container);
    }
    return containers;
  }
  scheduler::ContainerExit exit_of(const std::shared_ptr<scheduler::Container>& container) {
    return scheduler::get(scheduler::start(control, container->wait_exit()));
  }
  std::shared_ptr<Session> session(const std::string& task_id) {
    return scheduler::on(control, [&] { return containers().session(task_id); });
  }
  int alive() {
    return scheduler::on(control, [&] { return static_cast<int>(containers_->list().size()); });
  }

  TemporaryDirectory home;
  Loop control{"control"};
  FakePlanner planner;
  FakeApi api;
  LogInMemory log;
  ContainersConfig config;
  std::unique_ptr<sandbox::Launcher> sandboxes;

 private:
  Task<Result<std::shared_ptr<scheduler::Container>>> launch_and_take_orders(
      Containers* containers, model::FunctionVersionPtr version) {
    if (control_tasks_.size() == 0) control_tasks_.spawn(take_orders_of_new_containers(containers));
    co_return co_await containers->launch(version);
  }
  // Asks for inputs in the name of every container that has not asked yet, until it has its kill switch.
  Task<void> take_orders_of_new_containers(Containers* containers) {
    while (true) {
      for (auto& task : containers->list()) {
        auto session = containers->session(task.task_id);
        bool is_new = session && task.function_id == "fu-1" && asking_.insert(task.task_id).second;
        if (is_new) control_tasks_.spawn(take_orders(session));
      }
      if (!co_await sleep_until(Deadline::after(5ms))) co_return;
    }
  }
  Task<void> take_orders(std::shared_ptr<Session> session) {
    auto kind = Order::Kind::Seat;
    while (kind != Order::Kind::KillSwitch) {
      auto order = co_await session->next_order(Deadline::after(10s), {});
      kind = order.kind;
    }
  }

  std::unique_ptr<Containers> containers_;
  Scope control_tasks_{control.executor(), "control"};
  std::set<std::string> asking_;
};

// For scheduler/launcher_contract.h.
class ContractSubject : public ContainersHome {
 public:
  using ContainersHome::ContainersHome;

  Loop& loop() { return control; }
  scheduler::Launcher& launcher() { return launching_; }
  model::FunctionVersionPtr works() { return version("serve", 20s); }
  model::FunctionVersionPtr fails() { return version("exit", 20s); }
  model::FunctionVersionPtr hangs() { return version("hang", 50ms); }
  model::FunctionVersionPtr hangs_long() { return version("hang", 1h); }

 private:
  struct Launching : scheduler::Launcher {
    explicit Launching(ContainersHome& home) : home(home) {}
    Task<Result<std::shared_ptr<scheduler::Container>>> launch(model::FunctionVersionPtr version) override {
      return home.launch(*version);
    }
    ContainersHome& home;
  };
  model::FunctionVersionPtr version(std::string tag, std::chrono::milliseconds startup_timeout) {
    (void)containers();  // made here, because launch() may be called on the loop
    auto version = web_function(std::move(tag));
    version.startup_timeout = startup_timeout;
    return std::make_shared<const model::FunctionVersion>(version);
  }
  Launching launching_{*this};
};

}  // namespace bimodal::runtime

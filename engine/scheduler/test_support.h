// For the tests of this module: awaits coroutines of another thread's loop, and polls with a deadline.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <thread>

#include "async/loop.h"
#include "async/scope.h"
#include "async/task.h"
#include "scheduler/fake_launcher.h"
#include "scheduler/pool.h"

namespace bimodal::scheduler {

using namespace std::chrono_literals;

constexpr auto kPatience = 20s;  // no test waits longer for anything

template <typename T>
Task<void> fulfil(Task<T> task, std::shared_ptr<std::promise<T>> promise) {
  promise->set_value(co_await std::move(task));
}

// Starts `task` on `loop`. From another thread.
template <typename T>
std::future<T> start(Loop& loop, Task<T> task) {
  auto promise = std::make_shared<std::promise<T>>();
  auto shared = std::make_shared<Task<void>>(fulfil(std::move(task), promise));
  auto scope = std::make_shared<Scope>(loop.executor(), "test");
  loop.post([scope, shared] { scope->spawn(std::move(*shared)); });
  return promise->get_future();
}

template <typename T>
T get(std::future<T> future) {
  if (future.wait_for(kPatience) != std::future_status::ready) throw std::runtime_error("nothing came in time");
  return future.get();
}

inline bool is_ready(std::future<Result<Lease>>& future) {
  return future.wait_for(0s) == std::future_status::ready;
}

inline Task<Result<void>> completed(Task<void> task) {
  co_await std::move(task);
  co_return Result<void>();
}

inline void wait_for(Loop& loop, Task<void> task) {
  (void)get(start(loop, completed(std::move(task))));
}

// Runs `work` on `loop` and returns what it returned.
template <typename F>
auto on(Loop& loop, F work) {
  std::packaged_task<std::invoke_result_t<F>()> task(std::move(work));
  auto future = task.get_future();
  loop.post([&task] { task(); });
  return future.get();
}

template <typename F>
[[nodiscard]] bool until(F condition) {
  auto deadline = Deadline::after(kPatience);
  while (!condition()) {
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

}  // namespace bimodal::scheduler

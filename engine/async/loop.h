// One event loop on one thread. Everything that is "loop-bound" runs only there.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "async/task.h"

namespace boost::asio {
class io_context;
}

namespace bimodal {

class Loop {
 public:
  explicit Loop(std::string name);
  ~Loop();  // stops and joins the thread when start() was called

  boost::asio::io_context& context() { return *context_; }
  boost::asio::any_io_executor executor();

  // Runs on the calling thread until stop().
  void run();
  // Runs on a thread of its own, until stop() or destruction.
  void start();
  void stop();  // any thread

  // Runs `work` on the loop, later. Any thread.
  void post(std::function<void()> work);
  bool in_this_thread() const;

  // Runs `task` on the loop and waits for it. From another thread only: for start-up, shutdown and tests.
  void run_blocking(Task<void> task);

 private:
  std::string name_;
  std::unique_ptr<boost::asio::io_context> context_;
  struct Guard;
  std::unique_ptr<Guard> guard_;
  std::thread thread_;
};

}  // namespace bimodal

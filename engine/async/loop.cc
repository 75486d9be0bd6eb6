#include "async/loop.h"

#include <pthread.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>

namespace bimodal {

namespace asio = boost::asio;

struct Loop::Guard {
  asio::executor_work_guard<asio::io_context::executor_type> work;
};

Loop::Loop(std::string name)
    : name_(std::move(name)),
      context_(std::make_unique<asio::io_context>(1)),
      guard_(new Guard{asio::make_work_guard(*context_)}) {}

Loop::~Loop() {
  stop();
  if (thread_.joinable()) thread_.join();
}

asio::any_io_executor Loop::executor() {
  return context_->get_executor();
}

void Loop::run() {
  context_->run();
}

void Loop::start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
    run();
  });
}

void Loop::stop() {
  context_->stop();
}

void Loop::post(std::function<void()> work) {
  asio::post(*context_, std::move(work));
}

bool Loop::in_this_thread() const {
  return context_->get_executor().running_in_this_thread();
}

void Loop::run_blocking(Task<void> task) {
  std::promise<void> done;
  asio::co_spawn(*context_, std::move(task), [&done](std::exception_ptr failure) {
    if (failure) {
      done.set_exception(failure);
    } else {
      done.set_value();
    }
  });
  done.get_future().get();
}

}  // namespace bimodal

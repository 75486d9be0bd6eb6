// Threads for work that blocks: SQLite, hashing, fsync, unpacking, child processes.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <optional>
#include <type_traits>

#include "async/task.h"

namespace bimodal {

class BlockingPool {
 public:
  explicit BlockingPool(std::size_t threads) : pool_(threads) {}
  ~BlockingPool() { pool_.join(); }

  // Runs `work` on a pool thread and resumes the caller on its own loop with what it returned. `work` must return a
  // value (Result<void> for none) and must not throw. It runs to its end even when the caller is cancelled. What it
  // holds is let go of before the caller goes on.
  template <typename F>
  Task<std::invoke_result_t<F>> run(F work) {
    using R = std::invoke_result_t<F>;
    auto caller = co_await boost::asio::this_coro::executor;
    auto initiate = [this, caller](auto handler, F work) {
      boost::asio::post(pool_, [caller, handler = std::move(handler), work = std::move(work)]() mutable {
        R value = F(std::move(work))();
        boost::asio::post(caller, [handler = std::move(handler), value = std::move(value)]() mutable {
          std::move(handler)(std::move(value));
        });
      });
    };
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(R)>(
        std::move(initiate), boost::asio::use_awaitable, std::move(work));
  }

 private:
  boost::asio::thread_pool pool_;
};

}  // namespace bimodal

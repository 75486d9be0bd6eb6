// Owns the coroutines that an object spawns. Loop-bound.
//
// close() cancels them all and waits for them; it must finish before destruction. A task that throws is logged.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "async/task.h"

namespace bimodal {

class Scope {
 public:
  Scope(boost::asio::any_io_executor executor, std::string name);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Starts `task` on the scope's loop. After close() began, the task is dropped unrun.
  void spawn(Task<void> task);

  std::size_t size() const;  // tasks that still run

  // Asks every task to stop (terminal cancellation of what it awaits), then waits until all have.
  Task<void> close();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bimodal

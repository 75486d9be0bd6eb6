// Starts programs as ordinary child processes, with no barrier at all: for tests of what surrounds a sandbox.
//
// Of a Spec it honours argv (looked up on the host), env, and fds. The bind at /__modal/api is told as
// FAKE_CONTAINER_API. Loop-bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "sandbox/launcher.h"

namespace bimodal::runtime {

class UnboxedLauncher : public sandbox::Launcher {
 public:
  explicit UnboxedLauncher(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  Task<Result<std::unique_ptr<sandbox::Sandbox>>> start(sandbox::Spec spec) override;
  Task<void> close() override { co_return; }

  std::vector<sandbox::Spec> started;

 private:
  boost::asio::any_io_executor executor_;
};

}  // namespace bimodal::runtime

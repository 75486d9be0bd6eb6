// Runs the commands of build steps in sandboxes, the host's package configuration at hand. Loop-bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <filesystem>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "async/blocking_pool.h"
#include "async/pulse.h"
#include "async/task.h"
#include "base/result.h"
#include "image/builder.h"
#include "image/host_config_loader.h"
#include "image/layer_store.h"
#include "sandbox/launcher.h"

namespace bimodal::image {

struct SandboxCommand {
  std::string title;                          // "RUN pip install x": heads the message when it fails
  std::vector<std::filesystem::path> layers;  // lowest first
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;      // of the image and the recipe
  std::map<std::string, std::string> secrets;  // environment, too; stronger
  std::string cwd = "/";
  std::string user;
};

class SandboxSteps {
 public:
  static constexpr std::size_t kMaxRunning = 8;  // further commands wait, first come first served

  SandboxSteps(
      sandbox::Launcher& launcher, HostConfigLoader& host_config, BlockingPool& pool,
      boost::asio::any_io_executor executor, const BuilderConfig& config);

  // Runs the command on top of the layers; its changes end in scratch.tree(). FailedPrecondition with title, exit
  // status and last lines when it fails, DeadlineExceeded after the time limit, Cancelled when closed.
  Task<Result<void>> run(SandboxCommand command, const Scratch& scratch, BuildLog log);

  // Kills what runs; its run() calls, and later ones, fail with Cancelled. Doesn't wait for them.
  void stop();

 private:
  class Slot;

  Task<Result<void>> run_in_slot(SandboxCommand command, const Scratch& scratch, BuildLog log);
  static sandbox::Spec spec_of(SandboxCommand& command, const HostConfig& host, const Scratch& scratch);
  Task<void> kill_at(sandbox::Sandbox& sandbox, Deadline deadline, bool& expired);

  sandbox::Launcher& launcher_;
  HostConfigLoader& host_config_;
  BlockingPool& pool_;
  boost::asio::any_io_executor executor_;
  std::chrono::seconds time_limit_;
  std::function<Task<std::shared_ptr<void>>()> room_;
  std::list<sandbox::Sandbox*> running_;
  std::size_t slots_taken_ = 0;
  Pulse slot_freed_;
  bool stopped_ = false;
};

}  // namespace bimodal::image

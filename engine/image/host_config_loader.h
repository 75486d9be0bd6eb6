// The host's package configuration, read when a step first needs it. Loop-bound.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "async/blocking_pool.h"
#include "async/task.h"
#include "image/host_commands.h"
#include "image/host_config.h"

namespace bimodal::image {

class HostConfigLoader {
 public:
  HostConfigLoader(std::map<std::string, std::string> environment, HostCommands& commands, BlockingPool& pool);

  const std::map<std::string, std::string>& environment() const { return environment_; }

  // The same for the life of the daemon. Hosts without apt have no settings of apt.
  Task<std::shared_ptr<const HostConfig>> get();

 private:
  std::map<std::string, std::string> environment_;
  HostCommands& commands_;
  BlockingPool& pool_;
  std::shared_ptr<const HostConfig> loaded_;
};

}  // namespace bimodal::image

// The layers of the base images and of the tools that recipes copy from elsewhere. Loop-bound.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "image/host_commands.h"
#include "image/host_config_loader.h"
#include "image/layer_cache.h"
#include "image/sandbox_steps.h"

namespace bimodal::image {

// A Debian tree from a mirror, by mmdebstrap on the host.
class DebianJob : public LayerJob {
 public:
  // `sources`: apt entries, empty for those of the host, or mmdebstrap's own where the host has none.
  DebianJob(
      std::vector<std::string> sources, HostConfigLoader& host_config, HostCommands& commands, BlockingPool& pool);
  const std::string& key() const override { return key_; }
  std::string origin() const override;
  Task<Result<bool>> make(const Scratch& scratch, BuildLog log) override;

 private:
  std::string key_;
  std::vector<std::string> sources_;
  HostConfigLoader& host_config_;
  HostCommands& commands_;
  BlockingPool& pool_;
};

// The names that make the Debian tree a Python image.
class PythonNamesJob : public LayerJob {
 public:
  explicit PythonNamesJob(BlockingPool& pool);
  const std::string& key() const override { return key_; }
  std::string origin() const override;
  Task<Result<bool>> make(const Scratch& scratch, BuildLog log) override;

 private:
  std::string key_;
  BlockingPool& pool_;
};

// /uv and /uvx of one version of uv, from PyPI.
class UvJob : public LayerJob {
 public:
  // `version`: "latest", "X.Y" or "X.Y.Z". `python`: layers of the Python base.
  UvJob(std::string version, std::vector<std::filesystem::path> python, SandboxSteps& sandboxes, BlockingPool& pool);
  const std::string& key() const override { return key_; }
  std::string origin() const override;
  Task<Result<bool>> make(const Scratch& scratch, BuildLog log) override;

 private:
  std::string key_;
  std::string version_;
  std::vector<std::filesystem::path> python_;
  SandboxSteps& sandboxes_;
  BlockingPool& pool_;
};

// Replaces scratch.tree() by one that holds only what `kept` names: path in the old tree -> path in the new one, both
// relative. Blocks on the disk.
Result<void> keep_only(const Scratch& scratch, const std::map<std::string, std::string>& kept);

}  // namespace bimodal::image

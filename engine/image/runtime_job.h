// The layer that every container gets above its image: the client's package, what it needs, FastAPI for images that
// have none, and our runner. Loop-bound.
//
//   /pkg               modal and synchronicity, of the client's exact version
//   /__modal/deps      kClientPins
//   /__modal/fastapi   kFastapiPins
//   /__modal/runner    sitecustomize.py, bimodal_runner/, _runner.abi3.so
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "image/layer_cache.h"
#include "image/sandbox_steps.h"

namespace bimodal::image {

class RuntimeJob : public LayerJob {
 public:
  // `runner_digest`: digest_of(runner_dir). `python_and_uv`: layers of the Python base, and above them that of UvJob.
  RuntimeJob(
      std::string client_version, std::filesystem::path runner_dir, std::string runner_digest,
      std::vector<std::filesystem::path> python_and_uv, SandboxSteps& sandboxes, BlockingPool& pool);
  const std::string& key() const override { return key_; }
  std::string origin() const override;
  Task<Result<bool>> make(const Scratch& scratch, BuildLog log) override;

 private:
  std::string key_;
  std::string client_version_;
  std::filesystem::path runner_dir_;
  std::vector<std::filesystem::path> python_and_uv_;
  SandboxSteps& sandboxes_;
  BlockingPool& pool_;
};

// Over names and contents of all regular files below `directory`, but for __pycache__. Blocks on the disk.
Result<std::string> digest_of(const std::filesystem::path& directory);

}  // namespace bimodal::image

// The Builder on this host: plans a recipe and has its layers made, one after the other. Loop-bound.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/blocking_pool.h"
#include "async/pulse.h"
#include "async/scope.h"
#include "image/bases.h"
#include "image/builder.h"
#include "image/host_commands.h"
#include "image/layer_cache.h"
#include "image/plan.h"
#include "image/sandbox_steps.h"

namespace bimodal::image {

class LocalBuilder : public Builder {
 public:
  // Layers of one image, the base's included: Docker's own limit, well below what one overlay mount takes.
  static constexpr std::size_t kMaxLayers = 127;

  LocalBuilder(
      BuilderConfig config, sandbox::Launcher& launcher, BlockingPool& pool, boost::asio::any_io_executor executor);

  Task<Result<Image>> build(BuildRequest request, BuildLog log) override;
  Task<Result<std::filesystem::path>> runtime_layer(std::string python, std::string client_version) override;
  std::filesystem::path layers_dir() const override { return config_.layers_dir; }
  Task<void> close() override;

 private:
  // Opens the store, once.
  Task<Result<void>> prepare();
  Task<void> open_store();

  Task<Result<Image>> base_image(const BuildRequest& request, std::string name, BuildLog log);
  Task<Result<std::vector<std::string>>> base_layers(Base base, BuildLog log);
  Task<Result<Image>> build_step(BuildRequest request, BuildLog log);
  Task<Result<void>> add_layer(Image& image, std::shared_ptr<LayerJob> job, LayerCache::Use use, BuildLog log);
  Task<Result<void>> add_step(Image& image, Step step, const BuildRequest& request, BuildLog log);
  Task<Result<std::shared_ptr<LayerJob>>> job_for(
      const Image& image, Step step, const BuildRequest& request, BuildLog log);
  // Puts the files of uv into a COPY --from step.
  Task<Result<void>> fill_uv_sources(CopyStep& step, BuildLog log);
  Task<Result<std::string>> uv_layer(std::string version, std::vector<std::string> python, BuildLog log);
  Task<Result<std::filesystem::path>> make_runtime_layer(std::string client_version);
  std::vector<std::filesystem::path> paths_of(const std::vector<std::string>& layers) const;

  BuilderConfig config_;
  BlockingPool& pool_;
  boost::asio::any_io_executor executor_;
  HostCommands host_commands_;
  HostConfigLoader host_config_;
  SandboxSteps sandboxes_;
  std::unique_ptr<LayerStore> store_;
  std::unique_ptr<LayerCache> cache_;
  std::map<std::string, std::filesystem::path> runtimes_;  // by client's version, as long as they are there
  std::optional<Result<void>> prepared_;
  bool preparing_ = false;
  bool closing_ = false;
  Pulse prepared_pulse_;
  Scope scope_;
};

}  // namespace bimodal::image

#include "image/local_builder.h"

#include <algorithm>

#include "image/base_jobs.h"
#include "image/fingerprint.h"
#include "image/layer_view.h"
#include "image/runtime_job.h"
#include "image/step_jobs.h"

namespace bimodal::image {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kTitleBytes = 300;

std::string title_of(const Step& step) {
  return step.text.size() <= kTitleBytes ? step.text : step.text.substr(0, kTitleBytes) + "…";
}

}  // namespace

LocalBuilder::LocalBuilder(
    BuilderConfig config, sandbox::Launcher& launcher, BlockingPool& pool, boost::asio::any_io_executor executor)
    : config_(std::move(config)),
      pool_(pool),
      executor_(executor),
      host_config_(config_.host_env, host_commands_, pool),
      sandboxes_(launcher, host_config_, pool, executor, config_),
      prepared_pulse_(executor),
      scope_(executor, "image builder") {
  if (config_.layers_dir.empty()) config_.layers_dir = config_.home / "layers";
  config_.layers_dir = fs::absolute(config_.layers_dir);  // as sandboxes need it
}

Task<Result<void>> LocalBuilder::prepare() {
  if (!preparing_ && !closing_) {
    preparing_ = true;
    scope_.spawn(open_store());
  }
  while (!prepared_ && !closing_) co_await prepared_pulse_.wait(Deadline::never());
  if (closing_) co_return error(Code::Cancelled, "the server is stopping");
  co_return *prepared_;
}

Task<void> LocalBuilder::open_store() {
  auto open = [this]() -> Result<void> {
    TRY(auto store, LayerStore::open(config_.layers_dir));
    store_ = std::make_unique<LayerStore>(std::move(store));
    return {};
  };
  auto opened = co_await pool_.run(open);
  if (opened) cache_ = std::make_unique<LayerCache>(*store_, pool_, executor_);
  prepared_ = std::move(opened);
  prepared_pulse_.notify_all();
}

Task<Result<Image>> LocalBuilder::build(BuildRequest request, BuildLog log) {
  if (!log) log = [](std::string_view) {};
  CO_TRY_VOID(co_await prepare());
  if (request.step) co_return co_await build_step(std::move(request), std::move(log));
  CO_TRY(auto instructions, parse_dockerfile(request.commands));
  CO_TRY(auto base, base_of(instructions, request.build_args));
  CO_TRY(auto image, co_await base_image(request, std::move(base), log));
  std::vector<std::string> secret_names;
  for (const auto& [name, value] : request.secrets) secret_names.push_back(name);
  CO_TRY(auto plan, make_plan(instructions, image.config, request.build_args, request.context, secret_names));
  for (const auto& name : plan.unused_args) log(fmt::format("Warning: no ARG declares the build argument {}.\n", name));
  for (auto& step : plan.steps) CO_TRY_VOID(co_await add_step(image, std::move(step), request, log));
  image.config = std::move(plan.config);
  co_return image;
}

Task<Result<Image>> LocalBuilder::build_step(BuildRequest request, BuildLog log) {
  if (!request.base) co_return error(Code::InvalidArgument, "{} needs a base image", request.step->title);
  Image image = *request.base;
  const std::string fingerprint = Fingerprint()
                                      .add("FOREIGN")
                                      .add(request.step->fingerprint)
                                      .add(image.config.env)
                                      .add(image.config.workdir)
                                      .add(image.config.user)
                                      .hex();
  StepGround ground{
      .layers = paths_of(image.layers), .key = layer_key(image.layers, fingerprint), .title = request.step->title};
  auto job = std::make_shared<ForeignJob>(std::move(ground), *std::move(request.step), pool_);
  const auto use = request.ignore_cache ? LayerCache::Use::Fresh : LayerCache::Use::Cached;
  CO_TRY_VOID(co_await add_layer(image, std::move(job), use, std::move(log)));
  co_return image;
}

Task<Result<Image>> LocalBuilder::base_image(const BuildRequest& request, std::string name, BuildLog log) {
  if (name == "base" && request.base) co_return *request.base;
  CO_TRY(auto base, find_base(name));
  Image image{.layers = {}, .config = config_of(base), .python = {}};
  CO_TRY(image.layers, co_await base_layers(base, std::move(log)));
  if (base != Base::Scratch) image.python = kPythonSeries;
  co_return image;
}

Task<Result<std::vector<std::string>>> LocalBuilder::base_layers(Base base, BuildLog log) {
  std::vector<std::string> layers;
  if (base == Base::Scratch) co_return layers;
  auto debian = std::make_shared<DebianJob>(config_.apt_sources, host_config_, host_commands_, pool_);
  CO_TRY(auto tree, co_await cache_->get(debian, LayerCache::Use::Cached, log));
  layers.push_back(tree.name);
  if (base == Base::Debian) co_return layers;
  auto names = std::make_shared<PythonNamesJob>(pool_);
  CO_TRY(auto links, co_await cache_->get(names, LayerCache::Use::Cached, log));
  layers.push_back(links.name);
  co_return layers;
}

Task<Result<void>> LocalBuilder::add_step(Image& image, Step step, const BuildRequest& request, BuildLog log) {
  auto use = request.ignore_cache ? LayerCache::Use::Fresh : LayerCache::Use::Cached;
  CO_TRY(auto job, co_await job_for(image, std::move(step), request, log));
  co_return co_await add_layer(image, std::move(job), use, std::move(log));
}

Task<Result<void>> LocalBuilder::add_layer(
    Image& image, std::shared_ptr<LayerJob> job, LayerCache::Use use, BuildLog log) {
  const std::string title = job->origin();
  bool announced = false;
  BuildLog announce = [&announced, &title, &log](std::string_view text) {
    if (!announced) log("=> " + title + "\n");
    announced = true;
    log(text);
  };
  CO_TRY(auto layer, co_await cache_->get(job, use, std::move(announce)));
  if (!announced) log(fmt::format("=> {}{}\n", title, layer.was_there ? " (unchanged)" : ""));
  if (layer.name.empty()) co_return Result<void>();
  if (image.layers.size() == kMaxLayers) {
    co_return error(
        Code::FailedPrecondition, "{}: an image has at most {} layers; join some of its RUN and COPY steps", title,
        kMaxLayers);
  }
  image.layers.push_back(layer.name);
  co_return Result<void>();
}

Task<Result<std::shared_ptr<LayerJob>>> LocalBuilder::job_for(
    const Image& image, Step step, const BuildRequest& request, BuildLog log) {
  StepGround ground{
      .layers = paths_of(image.layers), .key = layer_key(image.layers, step.fingerprint), .title = title_of(step)};
  if (auto* run = std::get_if<RunStep>(&step.work)) {
    if (image.layers.empty())
      co_return error(Code::FailedPrecondition, "{}: FROM scratch has nothing to run", ground.title);
    co_return std::make_shared<RunJob>(std::move(ground), std::move(*run), request.secrets, sandboxes_);
  }
  if (auto* directory = std::get_if<DirectoryStep>(&step.work)) {
    co_return std::make_shared<WriteJob>(std::move(ground), std::move(*directory), pool_);
  }
  auto& copy = std::get<CopyStep>(step.work);
  if (!copy.uv_version.empty()) CO_TRY_VOID(co_await fill_uv_sources(copy, std::move(log)));
  co_return std::make_shared<WriteJob>(std::move(ground), std::move(copy), pool_);
}

Task<Result<void>> LocalBuilder::fill_uv_sources(CopyStep& step, BuildLog log) {
  CO_TRY(auto python, co_await base_layers(Base::Python, log));
  CO_TRY(auto layer, co_await uv_layer(step.uv_version, std::move(python), std::move(log)));
  for (auto& source : step.sources) {
    ContextEntry entry{.source = store_->path_of(layer) / source.name, .mode = 0755, .sha256 = {}};
    source.files.emplace_back("", std::move(entry));
  }
  co_return Result<void>();
}

Task<Result<std::string>> LocalBuilder::uv_layer(std::string version, std::vector<std::string> python, BuildLog log) {
  auto job = std::make_shared<UvJob>(std::move(version), paths_of(python), sandboxes_, pool_);
  CO_TRY(auto layer, co_await cache_->get(job, LayerCache::Use::Cached, std::move(log)));
  co_return layer.name;
}

Task<Result<fs::path>> LocalBuilder::runtime_layer(std::string python, std::string client_version) {
  CO_TRY_VOID(co_await prepare());
  if (python != kPythonSeries) {
    co_return error(Code::NotFound, "there is no Python {} here: use an image on {}", python, kAvailableBases);
  }
  const auto& versions = config_.client_versions;
  if (std::find(versions.begin(), versions.end(), client_version) == versions.end()) {
    co_return error(
        Code::InvalidArgument, "the modal client {} is not supported by this server; supported: {}", client_version,
        fmt::join(versions, ", "));
  }
  // The runner's files belong to the program that runs: they are read once, not at every start of a container.
  auto known = runtimes_.find(client_version);
  if (known != runtimes_.end() && fs::exists(known->second)) co_return known->second;
  auto made = co_await make_runtime_layer(client_version);
  if (made) runtimes_[client_version] = *made;
  co_return made;
}

Task<Result<fs::path>> LocalBuilder::make_runtime_layer(std::string client_version) {
  auto read = [this] { return digest_of(config_.runner_dir); };
  CO_TRY(auto digest, co_await pool_.run(read));
  BuildLog quiet = [](std::string_view) {};
  CO_TRY(auto ground, co_await base_layers(Base::Python, quiet));
  CO_TRY(auto uv, co_await uv_layer("latest", ground, quiet));
  ground.push_back(std::move(uv));
  auto job =
      std::make_shared<RuntimeJob>(client_version, config_.runner_dir, digest, paths_of(ground), sandboxes_, pool_);
  CO_TRY(auto layer, co_await cache_->get(job, LayerCache::Use::Cached, quiet));
  co_return store_->path_of(layer.name);
}

std::vector<fs::path> LocalBuilder::paths_of(const std::vector<std::string>& layers) const {
  std::vector<fs::path> paths;
  for (const auto& layer : layers) paths.push_back(config_.layers_dir / layer);
  return paths;
}

Task<void> LocalBuilder::close() {
  closing_ = true;
  prepared_pulse_.notify_all();
  sandboxes_.stop();
  host_commands_.stop();
  while (preparing_ && !prepared_) co_await prepared_pulse_.wait(Deadline::never());
  co_await scope_.close();
  if (cache_) co_await cache_->close();
}

std::unique_ptr<Builder> make_builder(
    BuilderConfig config, sandbox::Launcher& launcher, BlockingPool& pool, boost::asio::any_io_executor executor) {
  return std::make_unique<LocalBuilder>(std::move(config), launcher, pool, std::move(executor));
}

}  // namespace bimodal::image

// Builds images: recipes as the client sends them (Dockerfile lines) become one content-addressed layer per step.
//
// Loop-bound. Parallel builds of one step are joined. A finished step is found again by its key, so that an unchanged
// recipe costs a few look-ups.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/result.h"

namespace bimodal {
class BlockingPool;
}
namespace bimodal::sandbox {
class Launcher;
}

namespace bimodal::image {

// A file tree that COPY and ADD read from: absolute path inside -> blob on disk.
struct ContextEntry {
  std::filesystem::path source;
  unsigned mode = 0644;
  std::string sha256;  // of the content
};
using Context = std::map<std::string, ContextEntry>;

// What an image adds to a container besides files.
struct ImageConfig {
  std::map<std::string, std::string> env;
  std::string workdir;  // "" when no WORKDIR was given
  std::string user;
  std::vector<std::string> entrypoint, cmd;
  std::vector<std::string> shell = {"/bin/sh", "-c"};
  std::map<std::string, std::string> labels;
};

// A built image: layers lowest first (directories under <home>/layers), the base included, our runtime layer not.
struct Image {
  std::vector<std::string> layers;  // names; path = layers_dir / name
  ImageConfig config;
  std::string python;  // "3.11"; "" when the image has none
};

// Receives build output as it appears: whole lines or parts of lines, verbatim.
using BuildLog = std::function<void(std::string_view text)>;

// A step that somebody else runs.
struct ForeignStep {
  std::string title;        // "run_function(download)"
  std::string fingerprint;  // of everything that decides its layer but the image below
  // Fills `tree`, the upper directory of an overlay whose lower ones are the base's layers. Called at most once, and
  // not at all when there is such a layer already. Must have returned, whatever became of it, before close() ends.
  std::function<Task<Result<void>>(std::filesystem::path tree, BuildLog log)> run;
};

struct BuildRequest {
  std::string image_id;
  std::vector<std::string> commands;  // Dockerfile lines, `FROM base` first where it builds on `base`
  std::shared_ptr<const Image> base;  // what "base" stands for; null when FROM names a registry image or scratch
  Context context;                    // context files and the context mount together
  std::map<std::string, std::string> build_args;
  std::map<std::string, std::string> secrets;  // environment of RUN steps only; never stored
  std::optional<ForeignStep> step;             // on `base`, in place of commands
  bool ignore_cache = false;
};

class Builder {
 public:
  virtual ~Builder() = default;
  // Fails with the failing line and its last output (Code::FailedPrecondition), or names what is available when
  // a base can't be had (Code::NotFound).
  virtual Task<Result<Image>> build(BuildRequest request, BuildLog log) = 0;
  // The runtime layer (client package, FastAPI fallback, runner) for a Python series and a client version such as
  // "1.5.4", made on first use. Returns its path.
  virtual Task<Result<std::filesystem::path>> runtime_layer(std::string python, std::string client_version) = 0;
  virtual std::filesystem::path layers_dir() const = 0;
  // Stops what is being built (builds fail with Cancelled) and waits for it. Must finish before destruction.
  virtual Task<void> close() = 0;
};

struct BuilderConfig {
  std::filesystem::path home;                   // BIMODAL_HOME
  std::filesystem::path layers_dir;             // empty: home / "layers". Several homes may share one
  std::filesystem::path runner_dir;             // holds sitecustomize.py, bimodal_runner/ and _runner.abi3.so
  std::vector<std::string> client_versions;     // that runtime_layer() accepts
  std::vector<std::string> apt_sources;         // "deb URI suite component" for the Debian base; empty: the host's own
  std::map<std::string, std::string> host_env;  // the daemon's environment, for pip, uv, apt and proxy settings
  std::chrono::seconds step_time_limit = std::chrono::hours(1);
  // Asked before a step's command runs; what it gives is held until that has ended.
  std::function<Task<std::shared_ptr<void>>()> room = {};
};

// The builder on this host. `launcher` and `pool` must outlive it. Nothing is read or written before the first call;
// a layers directory that can't be used is what every call then fails with.
std::unique_ptr<Builder> make_builder(
    BuilderConfig config, sandbox::Launcher& launcher, BlockingPool& pool, boost::asio::any_io_executor executor);

}  // namespace bimodal::image

#include "image/runtime_job.h"

#include <algorithm>

#include "image/base_jobs.h"
#include "image/bases.h"
#include "image/files.h"
#include "image/fingerprint.h"
#include "image/runtime_pins.h"

namespace bimodal::image {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t kMaxRunnerFile = 64 << 20;

// Everything is compiled, because containers can't write beside read-only files.
constexpr std::string_view kInstall =
    "/uv pip install --quiet --python /usr/bin/python3 --no-deps --only-binary :all: --compile-bytecode --target ";
constexpr std::string_view kCompileRunner = "python3 -m compileall -q /__modal/runner";

// Runs inside the base: the same Python and C library as in the containers.
std::string script_for(const std::string& client_version) {
  return fmt::format(
      "{0} /pkg modal=={1} {2} && {0} /__modal/deps {3} && {0} /__modal/fastapi {4} && {5}", kInstall, client_version,
      kSynchronicityPin, fmt::join(kClientPins, " "), fmt::join(kFastapiPins, " "), kCompileRunner);
}

// Relative paths of the files that count, sorted.
Result<std::vector<fs::path>> files_below(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code failure;
  for (auto it = fs::recursive_directory_iterator(directory, failure); it != fs::recursive_directory_iterator();
       it.increment(failure)) {
    if (failure) break;
    if (it->path().filename() == "__pycache__") {
      it.disable_recursion_pending();
    } else if (it->is_regular_file(failure)) {
      files.push_back(it->path().lexically_relative(directory));
    }
  }
  if (failure || files.empty()) {
    return error(Code::FailedPrecondition, "the runner's files are missing in {}", directory.string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<void> copy_files(const fs::path& from, const fs::path& to) {
  TRY(auto files, files_below(from));
  std::error_code failure;
  for (const auto& file : files) {
    fs::create_directories((to / file).parent_path(), failure);
    if (!failure) fs::copy_file(from / file, to / file, failure);
    if (failure) return error(Code::ResourceExhausted, "copying {}: {}", file.string(), failure.message());
  }
  return {};
}

}  // namespace

RuntimeJob::RuntimeJob(
    std::string client_version, fs::path runner_dir, std::string runner_digest, std::vector<fs::path> python_and_uv,
    SandboxSteps& sandboxes, BlockingPool& pool)
    : client_version_(std::move(client_version)),
      runner_dir_(std::move(runner_dir)),
      python_and_uv_(std::move(python_and_uv)),
      sandboxes_(sandboxes),
      pool_(pool) {
  Fingerprint fingerprint;
  fingerprint.add("runtime").add(kBuilderVersion).add(debian_key()).add(script_for(client_version_)).add(runner_digest);
  key_ = fingerprint.hex();
}

std::string RuntimeJob::origin() const {
  return fmt::format("runtime of client {} for Python {}", client_version_, kPythonSeries);
}

Task<Result<bool>> RuntimeJob::make(const Scratch& scratch, BuildLog log) {
  auto copy_runner = [this, &scratch] { return copy_files(runner_dir_, scratch.tree() / "__modal/runner"); };
  CO_TRY_VOID(co_await pool_.run(copy_runner));
  SandboxCommand command{
      .title = "Making the " + origin(), .layers = python_and_uv_, .env = config_of(Base::Python).env};
  command.argv = {"/bin/sh", "-c", script_for(client_version_)};
  CO_TRY_VOID(co_await sandboxes_.run(std::move(command), scratch, std::move(log)));
  auto reduce = [&scratch] { return keep_only(scratch, {{"pkg", "pkg"}, {"__modal", "__modal"}}); };
  CO_TRY_VOID(co_await pool_.run(reduce));
  co_return true;
}

Result<std::string> digest_of(const fs::path& directory) {
  TRY(auto files, files_below(directory));
  Fingerprint fingerprint;
  for (const auto& file : files)
    fingerprint.add(file.string()).add(read_file(directory / file, kMaxRunnerFile).value_or(""));
  return fingerprint.hex();
}

}  // namespace bimodal::image

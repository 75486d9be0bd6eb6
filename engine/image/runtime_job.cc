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

// Runs inside the base: the same Python and C library as in the containers. Everything is compiled, because
// containers can't write beside read-only files. sys.argv: client version, pins of the client, pins of FastAPI.
constexpr std::string_view kScript = R"(
import compileall, importlib.metadata, py_compile, subprocess, sys

version, client_pins, *fastapi_pins = sys.argv[1:]

def install(target, *packages):
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--root-user-action=ignore", "--no-deps",
               "--no-compile", "--target=" + target]
    if subprocess.run(command + list(packages)).returncode:
        sys.exit("pip can't install %s into the runtime layer" % " ".join(packages))

install("/pkg", "modal==" + version)
client = next(iter(importlib.metadata.distributions(name="modal", path=["/pkg"])))
install("/pkg", *[need for need in client.requires if need.startswith("synchronicity")])
# Certificates of certifi go out of date: the newest is the right one, and a mirror may lack the pinned one.
pins = [line.strip() for line in open("/pkg/" + client_pins)]
install("/__modal/deps", *["certifi" if pin.startswith("certifi==") else pin for pin in pins if pin])
install("/__modal/fastapi", *fastapi_pins)
for directory in ("/pkg", "/__modal"):
    compileall.compile_dir(directory, maxlevels=20, quiet=2, workers=0,
                           invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
)";

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

RuntimeJob::RuntimeJob(std::string client_version, fs::path runner_dir, std::string runner_digest,
                       std::vector<fs::path> python, SandboxSteps& sandboxes, BlockingPool& pool)
    : client_version_(std::move(client_version)),
      runner_dir_(std::move(runner_dir)),
      python_(std::move(python)),
      sandboxes_(sandboxes),
      pool_(pool) {
  Fingerprint fingerprint;
  fingerprint.add("runtime").add(kBuilderVersion).add(debian_key()).add(kScript).add(kClientPins);
  for (auto pin : kFastapiPins) fingerprint.add(pin);
  key_ = fingerprint.add(client_version_).add(runner_digest).hex();
}

std::string RuntimeJob::origin() const {
  return fmt::format("runtime of client {} for Python {}", client_version_, kPythonSeries);
}

Task<Result<bool>> RuntimeJob::make(const Scratch& scratch, BuildLog log) {
  auto copy_runner = [this, &scratch] { return copy_files(runner_dir_, scratch.tree() / "__modal/runner"); };
  CO_TRY_VOID(co_await pool_.run(copy_runner));
  SandboxCommand command{.title = "Making the " + origin(), .layers = python_, .env = config_of(Base::Python).env};
  command.argv = {"python3", "-c", std::string(kScript), client_version_, std::string(kClientPins)};
  command.argv.insert(command.argv.end(), kFastapiPins.begin(), kFastapiPins.end());
  CO_TRY_VOID(co_await sandboxes_.run(std::move(command), scratch, std::move(log)));
  auto reduce = [&scratch] { return keep_only(scratch, {{"pkg", "pkg"}, {"__modal", "__modal"}}); };
  CO_TRY_VOID(co_await pool_.run(reduce));
  co_return true;
}

Result<std::string> digest_of(const fs::path& directory) {
  TRY(auto files, files_below(directory));
  Fingerprint fingerprint;
  for (const auto& file : files) fingerprint.add(file.string()).add(read_file(directory / file, kMaxRunnerFile).value_or(""));
  return fingerprint.hex();
}

}  // namespace bimodal::image

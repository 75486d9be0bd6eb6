#include "image/base_jobs.h"

#include <algorithm>

#include "image/apt_sources.h"
#include "image/bases.h"
#include "image/fingerprint.h"

namespace bimodal::image {

namespace fs = std::filesystem;

namespace {

constexpr auto kBootstrapLimit = std::chrono::minutes(20);

// Of the daemon's environment, what mmdebstrap and the programs that it starts need.
HostCommand host_command(std::vector<std::string> argv, const std::map<std::string, std::string>& host_env) {
  HostCommand command{.argv = std::move(argv), .env = {{"LC_ALL", "C.UTF-8"}}};
  for (const char* name :
       {"PATH", "HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}) {
    if (auto found = host_env.find(name); found != host_env.end()) command.env.insert(*found);
  }
  return command;
}

}  // namespace

DebianJob::DebianJob(
    std::vector<std::string> sources, HostConfigLoader& host_config, HostCommands& commands, BlockingPool& pool)
    : key_(debian_key()), sources_(std::move(sources)), host_config_(host_config), commands_(commands), pool_(pool) {}

std::string DebianJob::origin() const {
  return fmt::format("Debian {} with Python {}", kDebianRelease, kPythonSeries);
}

Task<Result<bool>> DebianJob::make(const Scratch& scratch, BuildLog log) {
  log(fmt::format("Making the base {}; this happens once and takes about a minute.\n", origin()));
  auto find_sources = [] { return read_host_sources(kDebianRelease); };
  if (sources_.empty()) sources_ = co_await pool_.run(find_sources);
  auto host = co_await host_config_.get();
  auto argv = mmdebstrap_argv(scratch.tree(), sources_, host->apt_options);
  auto command = host_command(std::move(argv), host_config_.environment());
  auto ended = co_await commands_.run(std::move(command), log, Deadline::after(kBootstrapLimit));
  if (!ended && ended.error().code == Code::NotFound) {
    co_return error(
        Code::FailedPrecondition, "the Debian base can't be made: {}; install the Debian package mmdebstrap",
        ended.error().message);
  }
  if (!ended) co_return tl::unexpected<Error>(ended.error());
  if (ended->status != 0) {
    co_return error(
        Code::FailedPrecondition,
        "the Debian base can't be made: mmdebstrap failed with exit status {}; is a Debian "
        "mirror reachable? Its last output:\n{}",
        ended->status, ended->output);
  }
  auto finish = [tree = scratch.tree()] { return finish_debian(tree); };
  CO_TRY_VOID(co_await pool_.run(finish));
  co_return true;
}

PythonNamesJob::PythonNamesJob(BlockingPool& pool) : key_(python_names_key()), pool_(pool) {}

std::string PythonNamesJob::origin() const {
  return "names of a Python image";
}

Task<Result<bool>> PythonNamesJob::make(const Scratch& scratch, BuildLog) {
  auto write = [tree = scratch.tree()] { return write_python_names(tree); };
  CO_TRY_VOID(co_await pool_.run(write));
  co_return true;
}

UvJob::UvJob(std::string version, std::vector<fs::path> python, SandboxSteps& sandboxes, BlockingPool& pool)
    : key_(Fingerprint().add("uv").add(kBuilderVersion).add(version).hex()),
      version_(std::move(version)),
      python_(std::move(python)),
      sandboxes_(sandboxes),
      pool_(pool) {}

std::string UvJob::origin() const {
  return "uv " + version_;
}

Task<Result<bool>> UvJob::make(const Scratch& scratch, BuildLog log) {
  std::string package = "uv";
  if (version_ != "latest") package += "==" + version_;
  if (std::count(version_.begin(), version_.end(), '.') == 1) package += ".*";
  SandboxCommand command{.title = "Fetching " + origin(), .layers = python_, .env = config_of(Base::Python).env};
  command.argv = {
      "python3",
      "-m",
      "pip",
      "install",
      "--quiet",
      "--root-user-action=ignore",
      "--no-deps",
      "--only-binary=:all:",
      "--target=/fetched",
      package};
  CO_TRY_VOID(co_await sandboxes_.run(std::move(command), scratch, std::move(log)));
  auto reduce = [&scratch] { return keep_only(scratch, {{"fetched/bin/uv", "uv"}, {"fetched/bin/uvx", "uvx"}}); };
  CO_TRY_VOID(co_await pool_.run(reduce));
  co_return true;
}

Result<void> keep_only(const Scratch& scratch, const std::map<std::string, std::string>& kept) {
  std::error_code failure;
  fs::path old = scratch.directory() / "whole";
  fs::rename(scratch.tree(), old, failure);
  if (!failure) fs::create_directory(scratch.tree(), failure);
  for (const auto& [from, to] : kept) {
    if (!failure) fs::create_directories((scratch.tree() / to).parent_path(), failure);
    if (!failure) fs::rename(old / from, scratch.tree() / to, failure);
    if (failure) return error(Code::Internal, "keeping {} of a new layer: {}", from, failure.message());
  }
  return {};
}

}  // namespace bimodal::image

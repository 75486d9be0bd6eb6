// Measures how long a sandbox takes from start() until its process runs, and until wait() returns.
//
//   sandbox_start_bench [COUNT [none|egress]]     needs root; prints medians in milliseconds
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "async/loop.h"
#include "sandbox/launcher.h"

namespace {

using namespace bimodal;
using namespace bimodal::sandbox;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Times {
  std::vector<double> started_ms, ended_ms;
};

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

Task<void> measure(Launcher& launcher, Spec& spec, int count, Times& times) {
  for (int i = 0; i < count; ++i) {
    spec.name = "bench-" + std::to_string(i);
    spec.upper = spec.upper.parent_path() / spec.name;
    auto begin = Clock::now();
    auto sandbox = co_await launcher.start(spec);
    if (!sandbox) {
      std::fprintf(stderr, "%s\n", sandbox.error().message.c_str());
      std::exit(1);
    }
    times.started_ms.push_back(ms_since(begin));
    auto report = co_await (*sandbox)->wait();
    times.ended_ms.push_back(ms_since(begin));
    if (report.exit_code != 0) std::exit(1);
  }
  co_await launcher.close();
}

}  // namespace

int main(int argc, char** argv) {
  int count = argc > 1 ? std::atoi(argv[1]) : 200;
  std::string pattern = fs::temp_directory_path() / "bimodal-bench-XXXXXX";
  fs::path home = ::mkdtemp(pattern.data());
  fs::create_directories(home / "layers" / "base" / "bin");
  fs::copy_file(SANDBOX_PROBE, home / "layers" / "base" / "bin" / "probe");

  auto process = fork_launcher({.home = home, .init_path = BIMODAL_INIT});
  if (!process) return 1;
  Spec spec;
  spec.layers = {home / "layers" / "base"};
  spec.upper = home / "upper" / "x";
  spec.argv = {"/bin/probe", "exit", "0"};
  spec.network = argc > 2 && std::string(argv[2]) == "egress" ? Network::Egress : Network::None;
  spec.limits = {.memory_bytes = 1 << 30, .cpu_milli = 2000, .pids = 100};
  Times times;
  {
    Loop loop("bench");
    auto launcher = connect_launcher(std::move(*process), loop.executor());
    loop.start();
    loop.run_blocking(measure(*launcher, spec, count, times));
  }
  fs::remove_all(home);
  std::printf(
      "started %.2f ms, ended %.2f ms (medians of %d); starts from %.2f to %.2f ms\n", median(times.started_ms),
      median(times.ended_ms), count, *std::min_element(times.started_ms.begin(), times.started_ms.end()),
      *std::max_element(times.started_ms.begin(), times.started_ms.end()));
  return 0;
}

#include "server/own_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "async/pulse.h"
#include "async/rough.h"
#include "server/state_files.h"

namespace bimodal::server {

namespace fs = std::filesystem;

namespace {

using metrics::Page;
using metrics::Type;

// Fields of /proc/self/stat behind the name of the program, proc(5): utime and stime in ticks, vsize in bytes, rss in
// pages.
struct Stat {
  std::uint64_t utime = 0, stime = 0, vsize = 0, rss = 0;
};

Stat read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string field;
  Stat stat;
  for (int number = 3; fields >> field; ++number) {
    const std::uint64_t value = std::strtoull(field.c_str(), nullptr, 10);
    if (number == 14) stat.utime = value;
    if (number == 15) stat.stime = value;
    if (number == 23) stat.vsize = value;
    if (number == 24) stat.rss = value;
  }
  return stat;
}

std::int64_t open_descriptors() {
  std::error_code failure;
  const fs::directory_iterator all("/proc/self/fd", failure);
  if (failure) return 0;
  return std::distance(fs::begin(all), fs::end(all)) - 1;  // but for the one that reads them
}

std::uint64_t size_of(const fs::path& file) {
  std::error_code failure;
  const std::uintmax_t size = fs::file_size(file, failure);
  return failure ? 0 : size;
}

}  // namespace

void write_process_metrics(Page& page, double started_at) {
  const Stat stat = read_stat();
  const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  page.family("process_cpu_seconds_total", "CPU time of the daemon, in user and system mode", Type::Counter)
      .add({}, static_cast<double>(stat.utime + stat.stime) / ticks);
  page.family("process_resident_memory_bytes", "Memory of the daemon", Type::Gauge)
      .add({}, stat.rss * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  page.family("process_virtual_memory_bytes", "Address space of the daemon", Type::Gauge).add({}, stat.vsize);
  page.family("process_open_fds", "Open descriptors of the daemon", Type::Gauge).add({}, open_descriptors());
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  page.family("process_max_fds", "How many descriptors it may have", Type::Gauge)
      .add({}, static_cast<std::uint64_t>(limit.rlim_cur));
  page.family("process_start_time_seconds", "When it started, in Unix time", Type::Gauge).add({}, started_at);
  page.family("bimodal_build_info", "1; the label tells the version", Type::Gauge)
      .add({{"version", version()}}, std::uint64_t{1});
}

Task<void> LoopLag::watch() {
  while (true) {
    const Deadline due = roughly_after(kPause);
    if (!co_await sleep_until(due)) co_return;
    lag_.observe(std::chrono::nanoseconds(Deadline::Clock::now() - due.point()).count());
  }
}

void LoopLag::write(Page& page) const {
  metrics::Spread spread;
  lag_.add_to(spread);
  page.family("bimodal_loop_lag_seconds", "How late a timer of the control loop is, once a second", Type::Histogram)
      .add({{"loop", "control"}}, spread);
}

HomeSize::Blobs HomeSize::count(const fs::path& directory) {
  Blobs blobs;
  std::error_code failure;
  for (auto at = fs::recursive_directory_iterator(directory, failure); !failure && at != fs::end(at);
       at.increment(failure)) {
    std::error_code gone;
    if (!at->is_regular_file(gone)) continue;
    ++blobs.files;
    blobs.bytes += size_of(at->path());
  }
  return blobs;
}

Task<void> HomeSize::watch(BlockingPool& pool) {
  while (true) {
    auto counting = [directory = home_ / "blobs"] { return count(directory); };
    blobs_ = co_await pool.run(std::move(counting));
    if (!co_await sleep_until(Deadline::after(kPause))) co_return;
  }
}

void HomeSize::write(Page& page) const {
  page.family("bimodal_database_bytes", "Size of state.db and its log", Type::Gauge)
      .add({}, size_of(home_ / "state.db") + size_of(home_ / "state.db-wal"));
  page.family("bimodal_blobs", "Blobs, counted every ten minutes", Type::Gauge).add({}, blobs_.files);
  page.family("bimodal_blob_bytes", "Their size together", Type::Gauge).add({}, blobs_.bytes);
}

}  // namespace bimodal::server

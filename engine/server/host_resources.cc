#include "server/host_resources.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

namespace bimodal::server {
namespace {

constexpr std::uint64_t kMega = 1 << 20;

std::optional<std::uint64_t> number_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

// Of the machine, or of the control group that everything here is confined to (a container host's, say).
std::uint64_t memory_of_host() {
  const std::uint64_t physical =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
  return std::min(physical, number_in("/sys/fs/cgroup/memory.max").value_or(physical));
}

// proc_meminfo(5).
std::optional<std::uint64_t> available_memory(const std::filesystem::path& proc) {
  std::ifstream file(proc / "meminfo");
  std::string name, unit;
  std::uint64_t kilobytes = 0;
  while (file >> name >> kilobytes) {
    if (name == "MemAvailable:") return kilobytes * 1024;
    std::getline(file, unit);
  }
  return std::nullopt;
}

// Processes and threads that exist: the number behind the slash in proc_loadavg(5).
std::optional<std::uint64_t> tasks(const std::filesystem::path& proc) {
  std::ifstream file(proc / "loadavg");
  double average = 0;
  std::uint64_t running = 0, all = 0;
  char slash = 0;
  if (file >> average >> average >> average >> running >> slash >> all) return all;
  return std::nullopt;
}

// A cpuset or an affinity may leave this process fewer than the host has. More CPUs than the set has room for: all.
int usable_cpus() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace

scheduler::HostCapacity::Amount host_amount(std::uint64_t memory_bytes, int cpu_overcommit) {
  const std::uint64_t memory = memory_bytes > 0 ? memory_bytes : memory_of_host() / 10 * 9;
  const std::int64_t cpus = std::max<std::int64_t>(1, ::sysconf(_SC_NPROCESSORS_ONLN));
  return {static_cast<std::int64_t>(memory / kMega), cpus * 1000 * cpu_overcommit};
}

std::optional<std::string> host_pressure(std::uint64_t least_available, const std::filesystem::path& proc) {
  const auto available = available_memory(proc);
  if (available && *available < least_available) {
    return fmt::format(
        "the host is short of memory: {} MiB are available, {} needed to start a container "
        "(scheduler.min_available_memory)",
        *available / kMega, least_available / kMega);
  }
  const auto used = tasks(proc);
  const auto most = number_in(proc / "sys/kernel/pid_max"), threads = number_in(proc / "sys/kernel/threads-max");
  if (!used || !most) return std::nullopt;
  const std::uint64_t bound = std::min(*most, threads.value_or(*most));
  if (*used < bound / 10 * 9) return std::nullopt;
  return fmt::format("the host is short of process ids: {} of {} are in use (kernel.pid_max)", *used, bound);
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    auto equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

int loop_count(int configured) {
  return configured > 0 ? configured : usable_cpus();
}

int most_starts() {
  return 2 * usable_cpus();
}

}  // namespace bimodal::server

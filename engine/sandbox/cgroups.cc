#include "sandbox/cgroups.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <set>
#include <sstream>
#include <thread>

#include "sandbox/text_file.h"

namespace bimodal::sandbox {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr int kPeriodUs = 100'000;

std::int64_t quota_us(int cpu_milli) {
  return std::int64_t{cpu_milli} * kPeriodUs / 1000;
}

Result<void> make_directory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return errno_error(errno, "make cgroup " + path.native());
}

void kill_members(const fs::path& cgroup) {
  std::istringstream pids(text_of(cgroup / "cgroup.procs"));
  for (pid_t pid = 0; pids >> pid;) ::kill(pid, SIGKILL);
}

// Version 2: lets the children of `cgroup` have limits. A cgroup with processes of its own may not, so those move into
// a leaf first; that happens in containers, whose "root" is an ordinary cgroup.
Result<void> enable_controllers(const fs::path& cgroup) {
  constexpr std::string_view kWanted = "+memory +cpu +pids";
  fs::path control = cgroup / "cgroup.subtree_control";
  auto enabled = write_text(control, kWanted);
  if (enabled) return {};
  fs::path leaf = cgroup / "bimodal-daemon";
  TRY_VOID(make_directory(leaf));
  std::istringstream pids(text_of(cgroup / "cgroup.procs"));
  for (std::string pid; pids >> pid;) std::ignore = write_text(leaf / "cgroup.procs", pid);
  return write_text(control, kWanted);
}

Result<void> limit_one(const CgroupLayout& parents, const std::string& name, const Limits& limits) {
  if (limits.memory_bytes > 0) {
    std::string bytes = fmt::to_string(limits.memory_bytes);
    TRY_VOID(write_text(parents.memory / name / "memory.limit_in_bytes", bytes));
    // Absent where the kernel doesn't account for swap.
    std::ignore = write_text(parents.memory / name / "memory.memsw.limit_in_bytes", bytes);
  }
  if (limits.cpu_milli > 0) {
    TRY_VOID(write_text(parents.cpu / name / "cpu.cfs_period_us", fmt::to_string(kPeriodUs)));
    TRY_VOID(write_text(parents.cpu / name / "cpu.cfs_quota_us", fmt::to_string(quota_us(limits.cpu_milli))));
  }
  return write_text(parents.pids / name / "pids.max", fmt::to_string(limits.pids + 1));  // init is one
}

Result<void> limit_two(const fs::path& cgroup, const Limits& limits) {
  if (limits.memory_bytes > 0) {
    TRY_VOID(write_text(cgroup / "memory.max", fmt::to_string(limits.memory_bytes)));
    std::ignore = write_text(cgroup / "memory.swap.max", "0");  // absent without swap accounting
    TRY_VOID(write_text(cgroup / "memory.oom.group", "1"));
  }
  if (limits.cpu_milli > 0) {
    TRY_VOID(write_text(cgroup / "cpu.max", fmt::format("{} {}", quota_us(limits.cpu_milli), kPeriodUs)));
  }
  return write_text(cgroup / "pids.max", fmt::to_string(limits.pids + 1));
}

}  // namespace

void remove_cgroup(const fs::path& cgroup) {
  auto pause = 1ms;
  for (int tries = 0; tries < 10; ++tries, pause *= 2) {
    if (::rmdir(cgroup.c_str()) == 0 || errno != EBUSY) return;
    kill_members(cgroup);
    std::this_thread::sleep_for(pause);
  }
}

std::vector<fs::path> Cgroups::parents() const {
  if (layout_.version == CgroupVersion::None) return {};
  std::set<fs::path> distinct = {layout_.memory, layout_.cpu, layout_.pids};
  return {distinct.begin(), distinct.end()};
}

Result<void> Cgroups::prepare() {
  release();
  for (const auto& parent : parents()) {
    if (layout_.version == CgroupVersion::Two) TRY_VOID(enable_controllers(parent.parent_path()));
    TRY_VOID(make_directory(parent));
    if (layout_.version == CgroupVersion::Two) TRY_VOID(enable_controllers(parent));
  }
  return {};
}

void Cgroups::release() {
  for (const auto& parent : parents()) {
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator(parent, absent)) {
      if (entry.is_directory()) remove_cgroup(entry.path());
    }
    remove_cgroup(parent);
  }
}

Result<std::vector<fs::path>> Cgroups::make(const std::string& name) const {
  std::vector<fs::path> made;
  for (const auto& parent : parents()) {
    made.push_back(parent / name);
    TRY_VOID(make_directory(made.back()));
  }
  return made;
}

Result<void> Cgroups::limit(const std::vector<fs::path>& directories, const Limits& limits) const {
  if (layout_.version == CgroupVersion::None) {
    if (limits.memory_bytes == 0 && limits.cpu_milli == 0) return {};
    return error(Code::FailedPrecondition, "memory and cpu limits need cgroups: {}", layout_.missing);
  }
  std::string name = directories.at(0).filename();
  return layout_.version == CgroupVersion::One ? limit_one(layout_, name, limits) : limit_two(directories[0], limits);
}

Result<void> join_cgroups(const std::vector<fs::path>& cgroups) {
  return move_into_cgroups(cgroups, 0);  // cgroups(7): the writer
}

Result<void> move_into_cgroups(const std::vector<fs::path>& cgroups, int pid) {
  const std::string number = fmt::to_string(pid);
  for (const auto& cgroup : cgroups) {
    const std::string procs = (cgroup / "cgroup.procs").native();
    UniqueFd file(::open(procs.c_str(), O_WRONLY | O_CLOEXEC));
    const auto size = static_cast<ssize_t>(number.size());
    if (!file || ::write(file.get(), number.data(), number.size()) != size) return errno_error(errno, procs);
  }
  return {};
}

Result<UniqueFd> Cgroups::open_for_clone(const std::vector<fs::path>& directories) const {
  if (layout_.version != CgroupVersion::Two) return UniqueFd();
  UniqueFd directory(::open(directories.at(0).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return errno_error(errno, "open " + directories[0].native());
  return directory;
}

std::int64_t Cgroups::oom_kills(const std::vector<fs::path>& directories) const {
  // Both files have a line "oom_kill N" (version 1 since Linux 4.13).
  const char* file = layout_.version == CgroupVersion::One ? "memory.oom_control" : "memory.events";
  for (const auto& directory : directories) {
    std::istringstream lines(text_of(directory / file));
    std::string key;
    for (std::int64_t value = 0; lines >> key >> value;) {
      if (key == "oom_kill") return value;
    }
  }
  return 0;
}

}  // namespace bimodal::sandbox

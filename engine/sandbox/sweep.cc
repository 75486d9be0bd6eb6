#include "sandbox/sweep.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "sandbox/root_filesystem.h"

namespace bimodal::sandbox {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

void remove_cgroup(const fs::path& cgroup) {
  auto pause = 1ms;
  for (int tries = 0; tries < 10; ++tries, pause *= 2) {  // about one second in all
    if (::rmdir(cgroup.c_str()) == 0 || errno != EBUSY) return;
    std::this_thread::sleep_for(pause);
  }
}

void sweep(const Records& records, const Record& record, const std::vector<fs::path>& cgroups) {
  std::error_code gone;
  fs::remove_all(work_directory(record.upper), gone);
  if (!record.keep_upper) fs::remove_all(record.upper, gone);
  for (const auto& cgroup : cgroups) remove_cgroup(cgroup);
  records.remove(record.name);
}

}  // namespace bimodal::sandbox

#include "sandbox/sweep.h"

#include "sandbox/cgroups.h"
#include "sandbox/root_filesystem.h"

namespace bimodal::sandbox {

namespace fs = std::filesystem;

namespace {

// Files that were made only as places to mount over don't belong into a layer.
void remove_stubs(const fs::path& upper) {
  for (const char* name : {"etc/hosts", "etc/hostname", "etc/resolv.conf"}) {
    std::error_code absent;
    fs::path stub = upper / name;
    if (fs::is_regular_file(fs::symlink_status(stub, absent)) && fs::file_size(stub, absent) == 0) {
      fs::remove(stub, absent);
    }
  }
}

}  // namespace

void sweep(const Records& records, const Record& record, const std::vector<fs::path>& cgroups) {
  std::error_code gone;
  fs::remove_all(work_directory(record.upper), gone);
  if (record.keep_upper) {
    remove_stubs(record.upper);
  } else {
    fs::remove_all(record.upper, gone);
  }
  for (const auto& cgroup : cgroups) remove_cgroup(cgroup);
  records.remove(record.name);
}

}  // namespace bimodal::sandbox

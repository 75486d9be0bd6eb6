#include "sandbox/private_proc.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "sandbox/mounts.h"

namespace bimodal::sandbox {

namespace {

// Absent ones are skipped: which exist depends on the kernel's configuration.
constexpr const char* kHidden[] = {
    "acpi",        "asound",      "interrupts", "kallsyms",   "kcore",         "keys",        "key-users",
    "kmsg",        "kpagecgroup", "kpagecount", "kpageflags", "latency_stats", "modules",     "pagetypeinfo",
    "sched_debug", "schedstat",   "scsi",       "slabinfo",   "timer_list",    "timer_stats", "vmallocinfo"};
constexpr const char* kReadOnly[] = {"bus", "driver", "fs", "irq", "sys", "sysrq-trigger", "sysvipc", "tty"};

constexpr std::uint64_t kStrict = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

Result<void> hide(int proc, int root, const char* name) {
  auto target = find_inside(proc, name);
  if (!target) return {};
  struct stat status{};
  if (::fstat(target->get(), &status) != 0) return errno_error(errno, std::string("stat /proc/") + name);
  if (S_ISDIR(status.st_mode)) {
    TRY(UniqueFd empty,
        new_mount("tmpfs", {{"size", "4k"}, {"nr_inodes", "2"}, {"mode", "0555"}}, kStrict | MOUNT_ATTR_RDONLY));
    return attach_mount(empty.get(), target->get(), name);
  }
  TRY(UniqueFd null, find_inside(root, "/dev/null"));
  TRY(UniqueFd cover, clone_mount(null.get(), ""));
  return attach_mount(cover.get(), target->get(), name);
}

Result<void> freeze(int proc, const char* name) {
  auto target = find_inside(proc, name);
  if (!target) return {};
  TRY(UniqueFd copy, clone_mount(target->get(), ""));
  TRY_VOID(restrict_mount(copy.get(), kStrict | MOUNT_ATTR_RDONLY));
  return attach_mount(copy.get(), target->get(), name);
}

}  // namespace

Result<void> mount_proc(int root) {
  TRY(UniqueFd target, open_inside(root, "/proc", NodeKind::Directory));
  TRY(UniqueFd proc, new_mount("proc", {}, kStrict));
  TRY_VOID(attach_mount(proc.get(), target.get(), "/proc"));
  for (const char* name : kHidden) TRY_VOID(hide(proc.get(), root, name));
  for (const char* name : kReadOnly) TRY_VOID(freeze(proc.get(), name));
  return {};
}

}  // namespace bimodal::sandbox

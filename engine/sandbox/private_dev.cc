#include "sandbox/private_dev.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/mounts.h"

namespace bimodal::sandbox {

namespace {

constexpr std::uint32_t kTtyGroup = 5;  // Debian's, as devpts expects it

struct Device {
  const char* name;
  unsigned major, minor;
};
constexpr Device kDevices[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                               {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};

struct Link {
  const char* name;
  const char* target;
};
constexpr Link kLinks[] = {
    {"fd", "/proc/self/fd"},
    {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},
    {"ptmx", "pts/ptmx"}};

// A user namespace can't make device nodes, so there the host's are bound in.
Result<void> bind_device(int dev, const char* name) {
  std::string host = fmt::format("/dev/{}", name);
  TRY(UniqueFd mount, clone_mount(AT_FDCWD, host));
  TRY(UniqueFd target, open_inside(dev, name, NodeKind::File));
  return attach_mount(mount.get(), target.get(), host);
}

Result<void> make_devices(int dev, Privilege privilege) {
  for (const auto& device : kDevices) {
    if (privilege == Privilege::Rootless) {
      TRY_VOID(bind_device(dev, device.name));
      continue;
    }
    if (::mknodat(dev, device.name, S_IFCHR | 0666, ::makedev(device.major, device.minor)) != 0 ||
        ::fchmodat(dev, device.name, 0666, 0) != 0) {
      return errno_error(errno, fmt::format("make /dev/{}", device.name));
    }
  }
  for (const auto& link : kLinks) {
    if (::symlinkat(link.target, dev, link.name) != 0)
      return errno_error(errno, fmt::format("make /dev/{}", link.name));
  }
  return {};
}

Result<void> mount_below(int dev, const char* name, UniqueFd mount) {
  TRY(UniqueFd target, open_inside(dev, name, NodeKind::Directory));
  return attach_mount(mount.get(), target.get(), name);
}

}  // namespace

Result<void> mount_dev(int root, std::int64_t shm_bytes, std::uint32_t uid_base, Privilege privilege) {
  TRY(UniqueFd target, open_inside(root, "/dev", NodeKind::Directory));
  TRY(UniqueFd dev,
      new_mount(
          "tmpfs", {{"size", "64k"}, {"nr_inodes", "256"}, {"mode", "0755"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  TRY_VOID(attach_mount(dev.get(), target.get(), "/dev"));
  TRY_VOID(make_devices(dev.get(), privilege));

  TRY(UniqueFd pts,
      new_mount(
          "devpts",
          {{"newinstance", ""}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", fmt::to_string(uid_base + kTtyGroup)}},
          MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  TRY_VOID(mount_below(dev.get(), "pts", std::move(pts)));

  std::string size = shm_bytes > 0 ? fmt::to_string(shm_bytes) : "50%";
  TRY(UniqueFd shm,
      new_mount("tmpfs", {{"size", size}, {"mode", "1777"}}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  return mount_below(dev.get(), "shm", std::move(shm));
}

}  // namespace bimodal::sandbox

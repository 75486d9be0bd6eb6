#include <fmt/format.h>
#include <unistd.h>

#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "sandbox/cgroups.h"
#include "sandbox/own_namespace.h"
#include "sandbox/text_file.h"

namespace bimodal::sandbox {

namespace fs = std::filesystem;

namespace {

struct Mounts {
  std::map<std::string, fs::path> controllers;  // version 1, by controller
  fs::path unified;
};

// Lines of fstab(5): device, mount point, type, options …
Mounts parse_mounts(std::string_view text) {
  Mounts mounts;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string device, place, type, options;
    words >> device >> place >> type >> options;
    if (type == "cgroup2" && mounts.unified.empty()) mounts.unified = place;
    if (type != "cgroup") continue;
    std::istringstream parts(options);
    for (std::string option; std::getline(parts, option, ',');) mounts.controllers.emplace(option, place);
  }
  return mounts;
}

// Lines of cgroups(7), /proc/pid/cgroup: "id:controller,controller:/path"; version 2 has no controllers.
std::map<std::string, std::string> parse_self(std::string_view text) {
  std::map<std::string, std::string> own;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::istringstream parts(line.substr(first + 1, second - first - 1) + ",");
    for (std::string controller; std::getline(parts, controller, ',');) own[controller] = line.substr(second + 1);
  }
  return own;
}

// Below our own cgroup, so that the limits which the host's owner gave us hold for the sandboxes too. Inside a
// container the path that the kernel tells may not exist under the mount: then below the mount itself.
fs::path below_own(const fs::path& mount, const std::string& own, const std::string& name) {
  fs::path place = mount;
  place += own;
  return (fs::exists(place) ? place : mount) / name;
}

// A cgroup belongs to a user only when its files do too, and it gives only the controllers that it was given.
CgroupLayout if_delegated(const CgroupLayout& layout, const fs::path& own) {
  for (const char* file : {"cgroup.procs", "cgroup.subtree_control"}) {
    if (::access((own / file).c_str(), W_OK) != 0) return {.missing = fmt::format("{} is not delegated", own.native())};
  }
  std::istringstream words(text_of(own / "cgroup.controllers"));
  std::set<std::string> given{std::istream_iterator<std::string>(words), {}};
  for (const char* controller : {"memory", "cpu", "pids"}) {
    if (!given.contains(controller)) return {.missing = fmt::format("{} has no {}", own.native(), controller)};
  }
  return layout;
}

}  // namespace

CgroupLayout find_cgroups(
    std::string_view mounts_text, std::string_view self, const std::string& name, Privilege privilege) {
  Mounts mounts = parse_mounts(mounts_text);
  auto own = parse_self(self);
  auto& one = mounts.controllers;
  if (one.contains("memory") && one.contains("cpu") && one.contains("pids")) {
    return {
        .version = CgroupVersion::One,
        .memory = below_own(one["memory"], own["memory"], name),
        .cpu = below_own(one["cpu"], own["cpu"], name),
        .pids = below_own(one["pids"], own["pids"], name)};
  }
  if (mounts.unified.empty()) return {.missing = "no cgroup filesystem with memory, cpu and pids is mounted"};
  // Version 2 gives no controllers to the children of a cgroup that has processes itself, but for the root: so root's
  // go to the top, an ordinary user's into what was delegated to that user.
  fs::path parent = privilege == Privilege::Root ? mounts.unified / name : below_own(mounts.unified, own[""], name);
  return {.version = CgroupVersion::Two, .memory = parent, .cpu = parent, .pids = parent};
}

CgroupLayout find_cgroups(const HomeTag& tag, Privilege privilege) {
  CgroupLayout layout =
      find_cgroups(text_of("/proc/self/mounts"), text_of("/proc/self/cgroup"), tag.cgroup_name(), privilege);
  if (layout.version == CgroupVersion::None) return layout;
  for (const auto& parent : {layout.memory, layout.cpu, layout.pids}) {
    fs::path above = parent.parent_path();
    if (::access(above.c_str(), W_OK) == 0) continue;
    return {.missing = fmt::format("{} is not writable", above.native())};
  }
  if (layout.version == CgroupVersion::Two && privilege == Privilege::Rootless) {
    return if_delegated(layout, layout.memory.parent_path());
  }
  return layout;
}

std::string unenforced_limits(const fs::path& home) {
  if (privilege_here() == Privilege::Root) return "";  // refused instead, where there are no cgroups
  CgroupLayout layout = find_cgroups(tag_of(home), Privilege::Rootless);
  if (layout.version != CgroupVersion::None) return "";
  return fmt::format("memory and cpu limits are not enforced ({})", layout.missing);
}

}  // namespace bimodal::sandbox

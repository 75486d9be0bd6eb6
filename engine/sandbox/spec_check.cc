#include "sandbox/spec_check.h"

#include <algorithm>

#include "sandbox/birth.h"
#include "sandbox/packet.h"

namespace bimodal::sandbox {

namespace {

constexpr std::size_t kMaxName = 64;      // a part of cgroup and file names
constexpr std::size_t kMaxHostname = 64;  // HOST_NAME_MAX
constexpr std::size_t kMaxLayers = 500;   // overlay's own bound
constexpr std::size_t kMaxBinds = 1'000;
constexpr std::size_t kMaxVolumes = 100;
constexpr std::size_t kMaxFds = kMaxPacketFds - kCallFds;
constexpr int kMaxFdNumber = 1'000;

template <typename... Args>
Result<void> refuse(fmt::format_string<Args...> format, Args&&... args) {
  return error(Code::InvalidArgument, format, std::forward<Args>(args)...);
}

bool plain_name(const std::string& name, std::size_t limit) {
  auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  return !name.empty() && name.size() <= limit && name.front() != '.' && std::all_of(name.begin(), name.end(), plain);
}

Result<void> check_files(const Spec& spec) {
  if (spec.layers.empty()) return refuse("sandbox {}: layers is empty", spec.name);
  if (spec.layers.size() > kMaxLayers) {
    return refuse("sandbox {}: {} layers, an overlay takes {}", spec.name, spec.layers.size(), kMaxLayers);
  }
  for (const auto& layer : spec.layers) {
    if (!layer.is_absolute()) return refuse("sandbox {}: layer {} is not absolute", spec.name, layer.native());
  }
  if (!spec.upper.is_absolute()) {
    return refuse("sandbox {}: upper {} is not absolute", spec.name, spec.upper.native());
  }
  if (spec.binds.size() > kMaxBinds) return refuse("sandbox {}: more than {} binds", spec.name, kMaxBinds);
  for (const auto& bind : spec.binds) {
    if (!bind.source.is_absolute() || !bind.target.starts_with('/')) {
      return refuse("sandbox {}: bind {} -> {} is not absolute", spec.name, bind.source.native(), bind.target);
    }
  }
  return {};
}

Result<void> check_process(const Spec& spec) {
  if (spec.argv.empty() || spec.argv[0].empty()) return refuse("sandbox {}: argv is empty", spec.name);
  if (spec.fds.size() > kMaxFds) return refuse("sandbox {}: more than {} fds", spec.name, kMaxFds);
  for (const auto& passed : spec.fds) {
    if (passed.number < 0 || passed.number > kMaxFdNumber) {
      return refuse("sandbox {}: fd number {} is not within 0…{}", spec.name, passed.number, kMaxFdNumber);
    }
  }
  if (spec.limits.memory_bytes < 0 || spec.limits.cpu_milli < 0 || spec.limits.pids <= 0) {
    return refuse("sandbox {}: negative limit, or no pids", spec.name);
  }
  return {};
}

}  // namespace

Result<void> check_volumes(const Spec& spec) {
  if (spec.volumes.size() > kMaxVolumes) return refuse("sandbox {}: more than {} volumes", spec.name, kMaxVolumes);
  for (const auto& volume : spec.volumes) {
    const bool whole = volume.lower.is_absolute() && volume.upper.is_absolute();
    const std::filesystem::path target(volume.target);
    if (whole && target.is_absolute() && target.has_filename() && target == target.lexically_normal()) continue;
    return refuse("sandbox {}: volume at \"{}\" is not absolute and normal", spec.name, volume.target);
  }
  return {};
}

Result<void> check_spec(const Spec& spec) {
  if (!plain_name(spec.name, kMaxName)) return refuse("sandbox: name \"{}\" is not plain", spec.name);
  if (!plain_name(spec.hostname, kMaxHostname)) {
    return refuse("sandbox {}: hostname \"{}\" is not plain", spec.name, spec.hostname);
  }
  if (spec.profile == Profile::Zygote && !spec.user.empty())
    return refuse("sandbox {}: a zygote is root inside", spec.name);
  TRY_VOID(check_files(spec));
  TRY_VOID(check_volumes(spec));
  return check_process(spec);
}

}  // namespace bimodal::sandbox

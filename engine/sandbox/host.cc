#include "sandbox/host.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sstream>
#include <thread>

#include "sandbox/etc_files.h"
#include "sandbox/firewall.h"
#include "sandbox/own_namespace.h"
#include "sandbox/packet.h"
#include "sandbox/seccomp_filter.h"
#include "sandbox/slirp.h"
#include "sandbox/sweep.h"
#include "sandbox/text_file.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace bimodal::sandbox {

namespace {

constexpr std::size_t kMaxInitBytes = 64 * 1024 * 1024;
constexpr std::chrono::seconds kLockPatience(30);
constexpr std::chrono::milliseconds kLockPause(5);

Result<UniqueFd> copy_init(const std::filesystem::path& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno_error(errno, "open " + path.native());
  TRY(std::string bytes, read_file(file.get(), kMaxInitBytes));
  auto copy = memory_file("bimodal-init", bytes, MFD_EXEC);
  if (!copy) copy = memory_file("bimodal-init", bytes);  // a kernel before 6.3
  return copy;
}

// Layers and upper directories hold whatever containers wrote, setuid programs included: nobody else may reach them.
Result<void> close_to_others(const std::filesystem::path& home) {
  std::error_code failure;
  std::filesystem::create_directories(home, failure);
  if (::chmod(home.c_str(), 0700) == 0) return {};
  return errno_error(errno, "chmod " + home.native());
}

std::filesystem::path lock_path(const std::filesystem::path& home, int generation) {
  return home / (generation == 0 ? "launcher.lock" : fmt::format("launcher-{}.lock", generation));
}

// Waits for the launcher of a daemon that has just been killed: it still ends its sandboxes.
Result<UniqueFd> lock_generation(const std::filesystem::path& home, int generation) {
  std::string path = lock_path(home, generation).native();
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return errno_error(errno, "open " + path);
  auto deadline = std::chrono::steady_clock::now() + kLockPatience;
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      return error(Code::Unavailable, "{}: an earlier launcher of this home still runs", path);
    }
    std::this_thread::sleep_for(kLockPause);
  }
  return lock;
}

// The MTU of the interface that the default route leaves by: a sandbox behind it must not announce a larger one.
std::uint32_t outer_mtu(const std::string& routes) {
  std::istringstream lines(routes);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string interface, destination;
    words >> interface >> destination;
    if (destination != "00000000") continue;
    std::uint32_t mtu = 0;
    std::istringstream(text_of("/sys/class/net/" + interface + "/mtu")) >> mtu;
    if (mtu > 0) return mtu;
  }
  return 1500;
}

// What stands in the way of Network::Egress, if anything.
std::optional<Error> open_egress(const Host& host, const Resolver& resolver) {
  if (host.privilege == Privilege::Rootless) {
    auto open = can_slirp();
    if (open) return std::nullopt;
    return Error{open.error().code, "network egress: " + open.error().message};
  }
  auto raised = raise_firewall(host.tag, host.addresses.cidr(), resolver.servers);
  return raised ? std::nullopt : std::optional(raised.error());
}

// What a launcher of another generation left that was killed.
Result<void> clear_generation(const std::filesystem::path& home, int generation, Privilege privilege) {
  if (!std::filesystem::exists(lock_path(home, generation))) return {};
  TRY(UniqueFd lock, lock_generation(home, generation));
  const HomeTag tag = tag_of(home, generation);
  Cgroups(find_cgroups(tag, privilege)).release();
  const Records records(home, generation);
  for (const auto& record : records.list()) sweep(records, record, {});
  if (privilege == Privilege::Root) drop_firewall(tag);
  return {};
}

}  // namespace

Result<Host> prepare_host(const LauncherConfig& config, const Generation& generation) {
  if (::geteuid() != 0) return error(Code::FailedPrecondition, "launcher: enter_own_namespace() comes first");
  Privilege privilege = privilege_here();
  HomeTag tag = tag_of(config.home, generation.number);
  Records records(config.home, generation.number);
  TRY_VOID(close_to_others(config.home));
  TRY_VOID(records.prepare());
  TRY(UniqueFd lock, lock_generation(config.home, generation.number));
  for (int other = 0; other < kGenerations; ++other) {
    const bool spared = std::find(generation.spared.begin(), generation.spared.end(), other) != generation.spared.end();
    if (other != generation.number && !spared) TRY_VOID(clear_generation(config.home, other, privilege));
  }
  Cgroups cgroups(find_cgroups(tag, privilege));
  TRY_VOID(cgroups.prepare());
  for (const auto& record : records.list()) sweep(records, record, {});

  Resolver resolver = host_resolver();
  std::string routes = text_of("/proc/net/route");
  TRY(Ipv4 network, choose_network(routes, resolver.servers, tag.hash));
  TRY(UniqueFd init, copy_init(config.init_path));
  Host host{
      .privilege = privilege,
      .tag = tag,
      .records = records,
      .ranges = UserRanges(privilege, tag.hash),
      .addresses = AddressPool(network),
      .cgroups = std::move(cgroups),
      .mtu = outer_mtu(routes),
      .init = std::move(init),
      .lock = std::move(lock),
  };
  TRY(host.container_filter, compile_filter(Profile::Container));
  TRY(host.build_filter, compile_filter(Profile::Build));
  TRY(host.zygote_filter, compile_filter(Profile::Zygote));
  host.no_egress = open_egress(host, resolver);
  return host;
}

void release_host(Host& host) {
  host.nursery.clear(host);
  if (!host.no_egress && host.privilege == Privilege::Root) drop_firewall(host.tag);
  host.cgroups.release();
}

}  // namespace bimodal::sandbox

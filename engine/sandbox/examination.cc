#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/cgroups.h"
#include "sandbox/codec.h"
#include "sandbox/command.h"
#include "sandbox/etc_files.h"
#include "sandbox/home_tag.h"
#include "sandbox/launcher.h"
#include "sandbox/mounts.h"
#include "sandbox/own_namespace.h"
#include "sandbox/packet.h"
#include "sandbox/process.h"
#include "sandbox/seccomp_filter.h"
#include "sandbox/slirp.h"
#include "sandbox/text_file.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxFindings = 64 * 1024;

Finding good(std::string name, std::string detail) {
  return {.name = std::move(name), .ok = true, .detail = std::move(detail)};
}

Finding bad(std::string name, std::string detail, std::string remedy) {
  return {.name = std::move(name), .detail = std::move(detail), .remedy = std::move(remedy)};
}

Finding lacking(std::string name, std::string detail, std::string remedy) {
  Finding finding = bad(std::move(name), std::move(detail), std::move(remedy));
  finding.essential = false;
  return finding;
}

// Errors of this module say "what; remedy".
std::pair<std::string, std::string> split_remedy(const std::string& text) {
  auto end = text.find("; ");
  if (end == std::string::npos) return {text, "see the man page of user_namespaces(7)"};
  return {text.substr(0, end), text.substr(end + 2)};
}

// The home, or the nearest directory above it that exists.
fs::path existing(fs::path home) {
  while (!fs::exists(home) && home.has_parent_path() && home != home.parent_path()) home = home.parent_path();
  return home;
}

Finding examine_privilege() {
  if (privilege_here() == Privilege::Root) return good("privilege", "root: every sandbox has its own range of users");
  return good("privilege", "an ordinary user with subordinate ids: the sandboxes share one range of users");
}

Finding examine_kernel() {
  utsname host{};
  ::uname(&host);
  int major = 0, minor = 0;
  std::sscanf(host.release, "%d.%d", &major, &minor);
  if (major > 5 || (major == 5 && minor >= 19)) return good("kernel", host.release);
  return bad("kernel", host.release, "use Linux 5.19 or newer: overlays of idmapped layers need it");
}

Finding examine_user_namespaces() {
  auto child = clone_process(CLONE_NEWUSER);
  if (!child) {
    return bad(
        "user namespaces", child.error().message,
        "set kernel.unprivileged_userns_clone=1 and user.max_user_namespaces above 0; in a container, allow them");
  }
  if (child->pid == 0) ::_exit(0);
  ::waitpid(child->pid, nullptr, 0);
  return good("user namespaces", "can be made");
}

Finding examine_overlay(const fs::path& home) {
  if (text_of("/proc/filesystems").find("\toverlay\n") == std::string::npos) {
    return bad("overlay", "the kernel doesn't offer it", "modprobe overlay");
  }
  struct statfs status{};
  ::statfs(home.c_str(), &status);
  if (status.f_type == OVERLAYFS_SUPER_MAGIC) {
    return bad(
        "overlay", fmt::format("{} is on an overlay itself", home.native()),
        "keep the home directory on a disk filesystem; in a container, on a volume");
  }
  return good("overlay", "available");
}

Finding examine_idmapped_mounts(const fs::path& home, std::uint64_t hash) {
  UserRanges ranges(Privilege::Root, hash);
  auto base = ranges.take(0);
  auto user_namespace = ranges.user_namespace(*base);
  auto mount = clone_mount(AT_FDCWD, home.native());
  Result<void> mapped;
  if (!user_namespace) mapped = tl::unexpected<Error>(user_namespace.error());
  if (mapped && !mount) mapped = tl::unexpected<Error>(mount.error());
  if (mapped) mapped = map_owners(mount->get(), *user_namespace, home.native());
  if (mapped) return good("idmapped mounts", fmt::format("{} has them", home.native()));
  return bad(
      "idmapped mounts", mapped.error().message,
      "keep the home directory on ext4, xfs or btrfs, and run with CAP_SYS_ADMIN");
}

Finding examine_seccomp() {
  auto filter = compile_filter(Profile::Container);
  bool kernel = fs::exists("/proc/sys/kernel/seccomp/actions_avail");
  if (filter && kernel) return good("seccomp", "filter compiled");
  return bad(
      "seccomp", filter ? "the kernel doesn't offer it" : filter.error().message,
      "use a kernel with CONFIG_SECCOMP_FILTER");
}

Finding examine_cgroups(const fs::path& home) {
  CgroupLayout layout = find_cgroups(tag_of(home), privilege_here());
  switch (layout.version) {
    case CgroupVersion::One:
      return good("cgroups", "version 1: memory, cpu, pids");
    case CgroupVersion::Two:
      return good("cgroups", "version 2: memory, cpu, pids");
    case CgroupVersion::None:
      break;
  }
  if (privilege_here() == Privilege::Rootless) {
    return lacking(
        "cgroups", unenforced_limits(home) + "; process limits are",
        "where systemd gives users the memory, cpu and pids controllers: systemd-run --user --scope -p Delegate=yes "
        "bimodal up");
  }
  return lacking(
      "cgroups", layout.missing + ": functions with memory or cpu limits are refused",
      "mount cgroup2 on /sys/fs/cgroup, writable for bimodal");
}

// Another firewall's "drop" wins over our "accept".
bool forwarding_is_dropped() {
  auto lines = command_output({"nft", "list", "chain", "ip", "filter", "FORWARD"});
  return lines && lines->find("policy drop") != std::string::npos;
}

Finding examine_slirp() {
  auto can = can_slirp();
  if (can) return good("network egress", "slirp4netns");
  auto [detail, remedy] = split_remedy(can.error().message);
  return lacking(
      "network egress", detail,
      remedy + "; till then only functions with block_network=True start, and only images without steps that run");
}

Finding examine_egress(const HomeTag& tag) {
  auto nft = run_command({"nft", "list", "tables"}, "");
  if (!nft) {
    return lacking(
        "network egress", nft.error().message,
        "apt-get install nftables, and run with CAP_NET_ADMIN; till then only "
        "functions with block_network=True start, and no image can be built");
  }
  if (forwarding_is_dropped()) {
    return lacking(
        "network egress", "another firewall (Docker's?) drops forwarded packets",
        fmt::format(
            "iptables -I FORWARD -i '{0}+' -j ACCEPT; iptables -I FORWARD -o '{0}+' -j ACCEPT",
            tag.interface_prefix()));
  }
  return good("network egress", "nftables");
}

Finding examine_resolver() {
  Resolver resolver = host_resolver();
  if (!resolver.servers.empty()) return good("name resolution", fmt::format("{}", fmt::join(resolver.servers, ", ")));
  std::string detail = resolver.loopback.empty()
                           ? std::string("/etc/resolv.conf names no IPv4 server")
                           : fmt::format("only {}, which sandboxes can't reach", fmt::join(resolver.loopback, ", "));
  return lacking("name resolution", detail, "name a server in /etc/resolv.conf that is not on a loopback address");
}

// As root of the host, or of the own namespace.
std::vector<Finding> examine_as_root(const LauncherConfig& config) {
  HomeTag tag = tag_of(config.home);
  fs::path home = existing(config.home);
  std::vector<Finding> findings = {examine_privilege(),   examine_kernel(),  examine_user_namespaces(),
                                   examine_overlay(home), examine_seccomp(), examine_cgroups(config.home)};
  if (privilege_here() == Privilege::Root) {
    findings.push_back(examine_idmapped_mounts(home, tag.hash));
    findings.push_back(examine_egress(tag));
    findings.push_back(examine_resolver());
  } else {
    findings.push_back(examine_slirp());  // which asks the host's resolver itself
  }
  return findings;
}

std::string encode(const std::vector<Finding>& findings) {
  Writer out;
  out.number(findings.size());
  for (const auto& each : findings) {
    out.texts({each.name, each.detail, each.remedy});
    out.number(each.ok ? 1 : 0);
    out.number(each.essential ? 1 : 0);
  }
  return out.bytes();
}

std::vector<Finding> decode(const std::string& bytes) {
  Reader in(bytes);
  std::vector<Finding> findings;
  for (auto left = in.number(); in.ok() && left > 0; --left) {
    auto texts = in.texts();
    if (texts.size() != 3) break;
    Finding each{.name = texts[0], .detail = texts[1], .remedy = texts[2]};
    each.ok = in.number() != 0;
    each.essential = in.number() != 0;
    findings.push_back(std::move(each));
  }
  return findings;
}

std::vector<Finding> examine_in_own_namespace(const LauncherConfig& config) {
  auto entered = enter_own_namespace();
  if (entered) return examine_as_root(config);
  auto [detail, remedy] = split_remedy(entered.error().message);
  return {bad("privilege", "an ordinary user: " + detail, remedy), examine_kernel(), examine_seccomp()};
}

// In a child, because a process doesn't come back from a user namespace.
std::vector<Finding> examine_as_ordinary_user(const LauncherConfig& config) {
  UniqueFd answer(::memfd_create("findings", MFD_CLOEXEC));
  pid_t child = ::fork();
  if (child == 0) {
    std::string bytes = encode(examine_in_own_namespace(config));
    ::_exit(::write(answer.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) ? 0 : 1);
  }
  ::waitpid(child, nullptr, 0);
  auto bytes = read_file(answer.get(), kMaxFindings);
  std::vector<Finding> findings;
  if (bytes) findings = decode(*bytes);
  if (findings.empty()) findings.push_back(bad("privilege", "the examination failed", "run bimodal doctor again"));
  return findings;
}

}  // namespace

std::vector<Finding> examine_host(const LauncherConfig& config) {
  return ::geteuid() == 0 ? examine_as_root(config) : examine_as_ordinary_user(config);
}

}  // namespace bimodal::sandbox

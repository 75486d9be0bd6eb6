#include "sandbox/growth.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sandbox/capabilities.h"
#include "sandbox/descriptors.h"
#include "sandbox/etc_files.h"
#include "sandbox/init_plan.h"
#include "sandbox/packet.h"
#include "sandbox/private_dev.h"
#include "sandbox/private_proc.h"
#include "sandbox/root_filesystem.h"
#include "sandbox/text_file.h"
#include "sandbox/volume_mount.h"

namespace bimodal::sandbox {

namespace {

constexpr rlim_t kMaxOpenFiles = 65'536;
constexpr int kMaxForked = 1'024;  // containers of one zygote at once, what ends among them

Result<void> check(bool good, const char* what) {
  if (good) return {};
  return errno_error(errno, what);
}

Result<void> build_root(const Growth& growth) {
  const Spec& spec = growth.spec;
  TRY_VOID(check(::unshare(CLONE_NEWNS) == 0, "new mount namespace"));
  TRY_VOID(check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts"));
  TRY_VOID(make_upper(spec));
  TRY_VOID(make_volume_uppers(spec));
  Resolver resolver = host_resolver();  // each time anew: the host may have moved to another network
  if (!growth.resolver.empty()) resolver.servers = {growth.resolver};
  if (growth.privilege == Privilege::Rootless) offer_to_the_oom_killer();
  TRY_VOID(create_files_as(growth.uid_base));
  TRY(auto made, mount_root(spec, growth.scratch, growth.user_namespace, growth.privilege));
  int root = made.root.get();
  TRY_VOID(mount_dev(root, spec.limits.memory_bytes / 2, growth.uid_base, growth.privilege));
  TRY_VOID(mount_proc(root));
  TRY_VOID(mount_etc_files(made.scratch.get(), root, spec.hostname, growth.address, spec.network, resolver));
  TRY_VOID(mount_binds(spec, root, growth.user_namespace, growth.privilege));
  TRY_VOID(mount_volumes(spec, made.scratch.get(), root, growth.user_namespace, growth.privilege));
  return enter_root(root);
}

// user_namespaces(7): they hold for the user namespace that the writer is in. `settings`: the host's /proc/sys/user.
Result<void> limit_namespaces(int settings) {
  for (const char* kind : {"pid", "mnt", "net", "ipc", "uts", "cgroup", "user", "time"}) {
    const std::string name = fmt::format("max_{}_namespaces", kind);
    const bool makes_some = kind != std::string_view("user") && kind != std::string_view("time");
    const std::string most = fmt::to_string(makes_some ? kMaxForked : 0);
    UniqueFd file(::openat(settings, name.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file && errno == ENOENT) continue;  // a kernel without that kind
    const bool written = file && ::write(file.get(), most.data(), most.size()) == static_cast<ssize_t>(most.size());
    if (!written) return errno_error(errno, name);
  }
  return {};
}

InitPlan plan_of(const Growth& growth) {
  InitPlan plan;
  plan.argv = growth.spec.argv;
  plan.set_environment(growth.spec.env);
  plan.cwd = growth.spec.cwd;
  plan.user = growth.spec.user;
  plan.capabilities = capabilities_of(growth.spec.profile);
  plan.zygote = growth.spec.profile == Profile::Zygote ? 1 : 0;
  for (const auto& passed : growth.spec.fds) plan.numbers.push_back(static_cast<std::uint64_t>(passed.number));
  return plan;
}

// Puts every descriptor at the number where init expects it and closes all others. Returns init's own, which closes
// itself on exec.
Result<int> arrange_for_init(const Growth& growth, int plan) {
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  TRY_VOID(check(static_cast<bool>(null), "open /dev/null"));
  std::vector<int> wanted = {null.get(), null.get(), null.get(), plan, growth.filter, growth.reports};
  wanted.insert(wanted.end(), growth.passed.begin(), growth.passed.end());
  wanted.push_back(growth.init);
  const std::size_t inherited = wanted.size() - 1;
  TRY_VOID(arrange_descriptors(std::move(wanted), inherited));
  null.release();  // closed or reused by now
  return static_cast<int>(inherited);
}

}  // namespace

void offer_to_the_oom_killer() {
  std::ignore = write_text("/proc/self/oom_score_adj", "500");
}

Result<void> set_limits(const Limits& limits, Privilege privilege) {
  if (privilege == Privilege::Rootless) {
    auto processes = static_cast<rlim_t>(limits.pids) + 1;  // init is one
    rlimit forks{};
    ::getrlimit(RLIMIT_NPROC, &forks);
    forks.rlim_cur = forks.rlim_max = std::min(forks.rlim_max, processes);
    TRY_VOID(check(::setrlimit(RLIMIT_NPROC, &forks) == 0, "limit processes"));
  }
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_max = std::min(files.rlim_max, kMaxOpenFiles);
  files.rlim_cur = files.rlim_max;
  TRY_VOID(check(::setrlimit(RLIMIT_NOFILE, &files) == 0, "limit open files"));
  rlimit no_core{};
  return check(::setrlimit(RLIMIT_CORE, &no_core) == 0, "limit core files");
}

Result<void> become_inner_root(int user_namespace) {
  TRY_VOID(check(::setns(user_namespace, CLONE_NEWUSER) == 0, "enter user namespace"));
  TRY_VOID(check(::setgroups(0, nullptr) == 0, "drop groups"));
  TRY_VOID(check(::setresgid(0, 0, 0) == 0, "become root inside"));
  return check(::setresuid(0, 0, 0) == 0, "become root inside");
}

Result<void> make_upper(const Spec& spec) {
  std::error_code failure;
  std::filesystem::create_directories(spec.upper, failure);
  if (!failure) std::filesystem::create_directories(work_directory(spec.upper), failure);
  if (failure) return error(Code::Internal, "upper directory {}: {}", spec.upper.native(), failure.message());
  return {};
}

Result<void> create_files_as(std::uint32_t uid) {
  TRY_VOID(check(::prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) == 0, "keep capabilities"));
  ::setfsuid(uid);
  ::setfsgid(uid);
  return {};
}

Result<void> grow_up(const Growth& growth, int& reports) {
  const std::string& hostname = growth.spec.hostname;
  TRY_VOID(check(::sethostname(hostname.data(), hostname.size()) == 0, "host name"));
  UniqueFd settings(::open("/proc/sys/user", O_PATH | O_DIRECTORY | O_CLOEXEC));
  TRY_VOID(build_root(growth));
  TRY_VOID(set_limits(growth.spec.limits, growth.privilege));
  TRY_VOID(become_inner_root(growth.user_namespace));
  if (growth.spec.profile == Profile::Zygote) TRY_VOID(limit_namespaces(settings.get()));
  TRY(UniqueFd plan, memory_file("plan", plan_of(growth).encode()));
  TRY(int init, arrange_for_init(growth, plan.release()));
  reports = kReportFd;
  char name[] = "bimodal-init";
  char* const argv[] = {name, nullptr};
  char* const env[] = {nullptr};
  ::syscall(SYS_execveat, init, "", argv, env, AT_EMPTY_PATH);
  return errno_error(errno, "exec bimodal-init");
}

}  // namespace bimodal::sandbox

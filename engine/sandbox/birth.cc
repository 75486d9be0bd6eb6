#include "sandbox/birth.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sandbox/init_plan.h"
#include "sandbox/packet.h"
#include "sandbox/private_dev.h"
#include "sandbox/private_proc.h"
#include "sandbox/root_filesystem.h"

namespace bimodal::sandbox {

namespace {

constexpr rlim_t kMaxOpenFiles = 65'536;

Result<void> check(bool good, const char* what) {
  if (good) return {};
  return errno_error(errno, what);
}

Result<void> join_cgroups(const std::vector<std::filesystem::path>& cgroups) {
  for (const auto& cgroup : cgroups) {
    std::string procs = (cgroup / "cgroup.procs").native();
    UniqueFd file(::open(procs.c_str(), O_WRONLY | O_CLOEXEC));
    TRY_VOID(check(file && ::write(file.get(), "0", 1) == 1, procs.c_str()));
  }
  return {};
}

// What the process would otherwise share with the daemon.
Result<void> leave_the_daemon() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  TRY_VOID(check(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "parent death signal"));
  TRY_VOID(check(::setsid() > 0, "new session"));
  // Without a keyring of its own the sandbox would possess the daemon's. ENOSYS: a kernel without keys.
  bool joined = ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) >= 0 || errno == ENOSYS;
  return check(joined, "new session keyring");
}

Result<void> make_upper(const Spec& spec) {
  std::error_code failure;
  std::filesystem::create_directories(spec.upper, failure);
  if (!failure) std::filesystem::create_directories(work_directory(spec.upper), failure);
  if (failure) return error(Code::Internal, "upper directory {}: {}", spec.upper.native(), failure.message());
  return {};
}

// From here on files are made as the sandbox's root, but mounts are still made with the host's capabilities.
Result<void> create_files_as(std::uint32_t uid) {
  TRY_VOID(check(::prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) == 0, "keep capabilities"));
  ::setfsuid(uid);
  ::setfsgid(uid);
  return {};
}

Result<void> build_root(const Birth& birth) {
  const Spec& spec = birth.spec;
  TRY_VOID(check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts"));
  TRY_VOID(make_upper(spec));
  TRY_VOID(create_files_as(birth.uid_base));
  TRY(auto made, mount_root(spec, birth.scratch, birth.user_namespace, birth.privilege));
  int root = made.root.get();
  TRY_VOID(mount_dev(root, spec.limits.memory_bytes / 2, birth.uid_base, birth.privilege));
  TRY_VOID(mount_proc(root));
  TRY_VOID(mount_etc_files(
      made.scratch.get(), root, spec.hostname, birth.network.address.text(), spec.network, birth.resolver));
  TRY_VOID(mount_binds(spec, root, birth.user_namespace, birth.privilege));
  return enter_root(root);
}

// Only lowers: a root without CAP_SYS_RESOURCE can't raise a hard limit.
Result<void> set_limits() {
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

InitPlan plan_of(const Birth& birth) {
  InitPlan plan;
  plan.argv = birth.spec.argv;
  for (const auto& [name, value] : birth.spec.env) plan.env.push_back(name + "=" + value);
  auto path = birth.spec.env.find("PATH");
  plan.path = path != birth.spec.env.end() ? path->second : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  plan.cwd = birth.spec.cwd;
  plan.user = birth.spec.user;
  plan.capabilities = birth.capabilities;
  for (const auto& passed : birth.spec.fds) plan.numbers.push_back(static_cast<std::uint64_t>(passed.number));
  return plan;
}

// Puts every descriptor at the number where init expects it and closes all others. Returns init's own, which closes
// itself on exec.
Result<int> arrange_descriptors(const Birth& birth, int plan) {
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  TRY_VOID(check(static_cast<bool>(null), "open /dev/null"));
  std::vector<int> wanted = {null.get(), null.get(), null.get(), plan, birth.filter, birth.reports};
  wanted.insert(wanted.end(), birth.passed.begin(), birth.passed.end());
  wanted.push_back(birth.init);
  int last = static_cast<int>(wanted.size()) - 1;
  for (int& fd : wanted) {  // first out of the way, so that no move overwrites what is still needed
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, last + 1);
    TRY_VOID(check(fd >= 0, "copy a descriptor"));
  }
  for (int number = 0; number <= last; ++number) {
    int flags = number == last ? O_CLOEXEC : 0;
    TRY_VOID(check(::dup3(wanted[static_cast<std::size_t>(number)], number, flags) >= 0, "place a descriptor"));
  }
  null.release();  // closed or reused by now
  TRY_VOID(check(::close_range(static_cast<unsigned>(last) + 1, ~0U, 0) == 0, "close descriptors"));
  return last;
}

// `reports` follows the report pipe to its final number.
Result<void> be_born_or_fail(const Birth& birth, int& reports) {
  TRY_VOID(join_cgroups(birth.cgroups));
  TRY_VOID(leave_the_daemon());
  TRY_VOID(check(::unshare(CLONE_NEWCGROUP) == 0, "new cgroup namespace"));
  TRY_VOID(check(::sethostname(birth.spec.hostname.data(), birth.spec.hostname.size()) == 0, "host name"));
  TRY_VOID(enter_network(birth.network));
  TRY_VOID(build_root(birth));
  TRY_VOID(set_limits());
  TRY_VOID(become_inner_root(birth.user_namespace));
  TRY(UniqueFd plan, memory_file("plan", plan_of(birth).encode()));
  TRY(int init, arrange_descriptors(birth, plan.release()));
  reports = kReportFd;
  char name[] = "bimodal-init";
  char* const argv[] = {name, nullptr};
  char* const env[] = {nullptr};
  ::syscall(SYS_execveat, init, "", argv, env, AT_EMPTY_PATH);
  return errno_error(errno, "exec bimodal-init");
}

}  // namespace

std::uint64_t birth_namespaces() { return CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS; }

void be_born(const Birth& birth) {
  int reports = birth.reports;
  auto outcome = be_born_or_fail(birth, reports);
  Error failure = outcome ? Error{} : outcome.error();
  std::string text = failure.message.substr(0, kMaxReportText);
  InitReport report{
      .kind = InitReport::Kind::Failed,
      .value = static_cast<std::int32_t>(failure.code),
      .text_size = static_cast<std::uint32_t>(text.size())};
  std::string record(reinterpret_cast<const char*>(&report), sizeof report);
  record += text;
  // Nobody is left to tell when even this fails; the launcher then reports a sandbox that died while starting.
  std::ignore = ::write(reports, record.data(), record.size());
  ::_exit(127);
}

}  // namespace bimodal::sandbox

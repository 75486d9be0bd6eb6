#include "sandbox/seccomp_filter.h"

#include <linux/sched.h>
#include <linux/unistd.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <sstream>

#include "sandbox/packet.h"
#include "wire/zygote.h"

namespace bimodal::sandbox {

namespace {

// For every profile, with any arguments; separated by blanks. Names that the host's libseccomp doesn't know are
// skipped.
constexpr const char* kAllowed = R"(
accept accept4 access alarm arch_prctl bind brk capget capset chdir chmod chown clock_getres clock_gettime
clock_nanosleep close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl
epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64
fallocate fchdir fchmod fchmodat fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fremovexattr
fsetxattr fstat fstatfs fsync ftruncate futex futex_waitv futimesat get_robust_list getcpu getcwd getdents getdents64
getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid
getresuid getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch
inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit ioctl
ioprio_get ioprio_set kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link
linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat madvise membarrier memfd_create mincore mkdir
mkdirat mknod mknodat mlock mlock2 mlockall mmap mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend
mq_unlink mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap nanosleep newfstatat open openat openat2
pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv
preadv2 prlimit64 process_mrelease pselect6 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
recvfrom recvmmsg recvmsg remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rseq
rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo
sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select
semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto set_robust_list set_tid_address setfsgid setfsuid
setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt
setuid setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 socketpair splice stat statfs statx
symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun
timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate umask uname unlink
unlinkat utime utimensat utimes vfork vmsplice wait4 waitid write writev
)";

// Refused with EPERM: for these no program should fall back to something else.
constexpr const char* kRefused = R"(
acct add_key adjtimex bpf clock_adjtime clock_settime create_module delete_module fanotify_init fanotify_mark
finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy init_module ioperm iopl kcmp kexec_file_load
kexec_load keyctl lookup_dcookie mbind memfd_secret migrate_pages mount mount_setattr move_mount move_pages
name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root process_madvise
process_vm_readv process_vm_writev ptrace query_module quotactl quotactl_fd reboot request_key set_mempolicy
set_mempolicy_home_node setdomainname sethostname setns settimeofday swapoff swapon sysfs syslog umount2 unshare
uselib userfaultfd ustat vhangup vserver
)";

// setns(2) and unshare(2) are refused whole; clone(2) when it asks for any of these. CLONE_NEWTIME has no bit here.
constexpr std::uint64_t kNamespaceFlags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

// No AF_VSOCK (it reaches the hypervisor), AF_PACKET, AF_ALG and the like. Netlink: getifaddrs(3) needs it.
constexpr bool may_open(int family) {
  return family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
}

// Linux, its 32-bit variant, and asking what is set.
constexpr std::uint64_t kPersonalities[] = {0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF};

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

Result<void> add(void* context, std::uint32_t action, const char* name, std::initializer_list<scmp_arg_cmp> arguments) {
  int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return {};
  int failed =
      seccomp_rule_add_array(context, action, number, static_cast<unsigned>(arguments.size()), std::data(arguments));
  // EACCES: the rule is the default action anyway.
  if (failed == 0 || failed == -EACCES || failed == -EDOM) return {};
  return errno_error(-failed, std::string("seccomp rule for ") + name);
}

Result<void> add_all(void* context, std::uint32_t action, const char* names) {
  std::istringstream words(names);
  for (std::string name; words >> name;) TRY_VOID(add(context, action, name.c_str(), {}));
  return {};
}

Result<void> add_rules(void* context, Profile profile) {
  TRY_VOID(add_all(context, SCMP_ACT_ALLOW, kAllowed));
  TRY_VOID(add_all(context, SCMP_ACT_ERRNO(EPERM), kRefused));
  TRY_VOID(add(context, SCMP_ACT_ALLOW, "clone", {SCMP_CMP(0, SCMP_CMP_MASKED_EQ, kNamespaceFlags, 0)}));
  if (profile == Profile::Zygote) {
    TRY_VOID(add(context, SCMP_ACT_ALLOW, "clone", {SCMP_CMP(0, SCMP_CMP_EQ, wire::kForkFlags)}));
  }
  for (int family = 0; family < AF_MAX; ++family) {
    std::uint32_t action = may_open(family) ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EAFNOSUPPORT);
    TRY_VOID(add(context, action, "socket", {SCMP_CMP(0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(family))}));
  }
  for (std::uint64_t personality : kPersonalities) {
    TRY_VOID(add(context, SCMP_ACT_ALLOW, "personality", {SCMP_CMP(0, SCMP_CMP_EQ, personality)}));
  }
  bool build = profile == Profile::Build;
  return add(context, build ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM), "chroot", {});
}

Result<std::string> exported(void* context) {
  UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) return errno_error(errno, "memfd_create");
  int failed = seccomp_export_bpf(context, file.get());
  if (failed != 0) return errno_error(-failed, "export the seccomp program");
  constexpr std::size_t kMaxProgram = 4096 * 8;  // BPF_MAXINSNS instructions
  return read_file(file.get(), kMaxProgram);
}

}  // namespace

Result<UniqueFd> compile_filter(Profile profile) {
  Context context(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)));
  if (!context) return error(Code::Internal, "seccomp_init");
  seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree instead of a list
  TRY_VOID(add_rules(context.get(), profile));
  TRY(std::string program, exported(context.get()));
  return memory_file("seccomp", program);
}

}  // namespace bimodal::sandbox

#include "probe_calls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/kexec.h>
#include <linux/keyctl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "wire/zygote.h"

namespace {

long raw_clone(unsigned long flags) {
  long pid = ::syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, 0);
  if (pid == 0) ::_exit(0);
  return pid;
}

long clone_as_zygotes_may() {
  int pidfd = -1;
  long pid = ::syscall(SYS_clone, bimodal::wire::kForkFlags, nullptr, &pidfd, nullptr, nullptr);
  if (pid == 0) ::_exit(0);
  return pid;
}

// An empty transaction of nf_tables, which takes CAP_NET_ADMIN over the network namespace.
long change_netfilter() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
  if (fd < 0) return -1;
  struct {
    nlmsghdr head;
    nfgenmsg body;
  } begin{};
  begin.head.nlmsg_len = sizeof begin;
  begin.head.nlmsg_type = NFNL_MSG_BATCH_BEGIN;
  begin.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  begin.body.res_id = htons(NFNL_SUBSYS_NFTABLES);
  if (::send(fd, &begin, sizeof begin, 0) < 0) return -1;
  struct {
    nlmsghdr head;
    nlmsgerr body;
  } answer{};
  if (::recv(fd, &answer, sizeof answer, MSG_DONTWAIT) < 0) return -1;
  errno = -answer.body.error;
  return answer.body.error == 0 ? 0 : -1;
}

long load_filter() {
  sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  sock_fprog program{.len = 1, .filter = &allow};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

long raw_clone3() {
  clone_args args{};
  args.flags = CLONE_NEWUSER;
  args.exit_signal = SIGCHLD;
  long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) ::_exit(0);
  return pid;
}

long perf() {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  return ::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}

long bpf_map() {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = attributes.max_entries = 4;
  return ::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
}

long io_uring() {
  io_uring_params parameters{};
  return ::syscall(SYS_io_uring_setup, 4, &parameters);
}

long handle() {
  struct {
    file_handle head;
    char bytes[128];
  } found{};
  found.head.handle_bytes = sizeof found.bytes;
  int mount = 0;
  if (::name_to_handle_at(AT_FDCWD, "/", &found.head, &mount, 0) != 0) return -1;
  return ::open_by_handle_at(AT_FDCWD, &found.head, O_RDONLY);
}

long read_memory_of_init() {
  char byte = 0;
  iovec here{&byte, 1}, there{reinterpret_cast<void*>(0x400000), 1};
  return ::process_vm_readv(1, &here, 1, &there, 1, 0);
}

long set_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return ::clock_settime(CLOCK_REALTIME, &now);
}

long become_user() {
  return ::setresuid(1000, 1000, 1000);
}

long remount_root() {
  return ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND, nullptr);
}

struct Call {
  const char* name;
  long (*make)();
};

const Call kCalls[] = {
    {"mount", [] { return static_cast<long>(::mount("none", "/tmp", "tmpfs", 0, nullptr)); }},
    {"remount", remount_root},
    {"umount", [] { return static_cast<long>(::umount2("/proc", MNT_DETACH)); }},
    {"fsopen", [] { return static_cast<long>(::fsopen("tmpfs", 0)); }},
    {"open_tree", [] { return static_cast<long>(::open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE)); }},
    {"pivot_root", [] { return ::syscall(SYS_pivot_root, ".", "."); }},
    {"chroot", [] { return static_cast<long>(::chroot("/tmp")); }},
    {"unshare", [] { return static_cast<long>(::unshare(CLONE_NEWUSER)); }},
    {"setns", [] { return static_cast<long>(::setns(::open("/proc/self/ns/net", O_RDONLY), 0)); }},
    {"clone", [] { return raw_clone(0); }},
    {"clone_newuser", [] { return raw_clone(CLONE_NEWUSER); }},
    {"clone_newns", [] { return raw_clone(CLONE_NEWNS); }},
    {"clone_newnet", [] { return raw_clone(CLONE_NEWNET); }},
    {"clone_zygote", clone_as_zygotes_may},
    {"clone3", raw_clone3},
    {"ptrace", [] { return ::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr); }},
    {"process_vm_readv", read_memory_of_init},
    {"init_memory", [] { return static_cast<long>(::open("/proc/1/mem", O_RDWR)); }},
    {"init_root", [] { return static_cast<long>(::open("/proc/1/root/etc/passwd", O_RDONLY)); }},
    {"keyctl", [] { return ::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 1); }},
    {"add_key", [] { return ::syscall(SYS_add_key, "user", "k", "v", 1, KEY_SPEC_PROCESS_KEYRING); }},
    {"bpf", bpf_map},
    {"perf_event_open", perf},
    {"io_uring_setup", io_uring},
    {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, 1); }},
    {"kexec_load", [] { return ::syscall(SYS_kexec_load, 0, 0, nullptr, 0); }},
    {"init_module", [] { return ::syscall(SYS_init_module, "", 0, ""); }},
    {"finit_module", [] { return ::syscall(SYS_finit_module, 0, "", 0); }},
    {"open_by_handle_at", handle},
    {"mknod_device", [] { return static_cast<long>(::mknod("/tmp/disk", S_IFBLK | 0600, ::makedev(254, 0))); }},
    {"mknod_fifo", [] { return static_cast<long>(::mknod("/tmp/fifo", S_IFIFO | 0600, 0)); }},
    {"swapon", [] { return static_cast<long>(::swapon("/tmp/swap", 0)); }},
    {"reboot", [] { return static_cast<long>(::reboot(RB_DISABLE_CAD)); }},
    {"clock_settime", set_clock},
    {"acct", [] { return static_cast<long>(::acct(nullptr)); }},
    {"quotactl", [] { return ::syscall(SYS_quotactl, 0, nullptr, 0, nullptr); }},
    {"syslog", [] { return ::syscall(SYS_syslog, 10, nullptr, 0); }},
    {"sethostname", [] { return static_cast<long>(::sethostname("x", 1)); }},
    {"setuid", become_user},
    {"vsock", [] { return static_cast<long>(::socket(AF_VSOCK, SOCK_STREAM, 0)); }},
    {"packet", [] { return static_cast<long>(::socket(AF_PACKET, SOCK_RAW, 0)); }},
    {"raw", [] { return static_cast<long>(::socket(AF_INET, SOCK_RAW, 1)); }},
    {"netfilter", change_netfilter},
    {"new_filter", load_filter},
    {"netlink", [] { return static_cast<long>(::socket(AF_NETLINK, SOCK_RAW, 0)); }},
};

}  // namespace

long attempt(const std::string& call) {
  for (const auto& known : kCalls) {
    if (call == known.name) return known.make();
  }
  std::exit(99);
}

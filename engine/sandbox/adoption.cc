#include "sandbox/adoption.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <sstream>
#include <vector>

#include "sandbox/descriptors.h"
#include "sandbox/growth.h"
#include "sandbox/init_plan.h"
#include "sandbox/mounts.h"
#include "sandbox/packet.h"
#include "sandbox/private_dev.h"
#include "sandbox/private_proc.h"
#include "sandbox/process.h"
#include "sandbox/root_filesystem.h"
#include "sandbox/text_file.h"

namespace bimodal::sandbox {

namespace {

Result<void> check(bool good, const char* what) {
  if (good) return {};
  return errno_error(errno, what);
}

// The pids of a process, from this namespace's inwards; empty when it has ended or isn't below this one.
std::vector<pid_t> pids_of(int pidfd) {
  std::istringstream lines(text_of(fmt::format("/proc/self/fdinfo/{}", pidfd)));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("NSpid:")) continue;
    std::istringstream numbers(line.substr(6));
    std::vector<pid_t> pids;
    for (pid_t pid = 0; numbers >> pid;) pids.push_back(pid);
    if (!pids.empty() && pids.front() > 0) return pids;
  }
  return {};
}

Result<UniqueFd> pid_namespace(pid_t pid) {
  UniqueFd made(::open(fmt::format("/proc/{}/ns/pid", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!made) return errno_error(errno, "open a pid namespace");
  return made;
}

bool same_file(int one, int other) {
  struct stat a{}, b{};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

struct Furniture {
  UniqueFd proc, dev;
};

// As detached trees, built in this process's own mount namespace. /proc shows the pid namespace of who mounts it.
Result<Furniture> make_furniture(const Adoption& adoption) {
  TRY_VOID(check(::unshare(CLONE_NEWNS) == 0, "new mount namespace"));
  TRY_VOID(check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts"));
  TRY_VOID(create_files_as(adoption.uid_base));
  TRY(UniqueFd scratch, mount_scratch(adoption.scratch));
  TRY_VOID(mount_dev(scratch.get(), adoption.shm_bytes, adoption.uid_base, Privilege::Root));
  TRY_VOID(mount_proc(scratch.get()));
  Furniture made;
  TRY(made.proc, clone_tree(scratch.get(), "proc"));
  TRY(made.dev, clone_tree(scratch.get(), "dev"));
  return made;
}

// Over those of the zygote, which go with its root.
Result<void> place(int tree, const char* path) {
  TRY(UniqueFd target, find_inside(AT_FDCWD, path));
  return attach_mount(tree, target.get(), path);
}

Result<void> furnish(const Adoption& adoption) {
  TRY_VOID(check(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "parent death signal"));
  TRY(const Furniture furniture, make_furniture(adoption));
  TRY_VOID(enter_network(adoption.network));
  TRY_VOID(check(::setns(adoption.process, CLONE_NEWNS) == 0, "enter the forked process's mounts"));
  TRY_VOID(place(furniture.proc.get(), "/proc"));
  return place(furniture.dev.get(), "/dev");
}

Result<void> prepare(const Adoption& adoption) {
  TRY_VOID(check(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "parent death signal"));
  close_all_but({0, 1, 2, adoption.process, adoption.program, adoption.filter, adoption.reports, adoption.gate});
  // Only children enter a pid namespace.
  return check(::setns(adoption.process, CLONE_NEWPID) == 0, "enter the forked process's pids");
}

[[noreturn]] void end(const Adoption& adoption, const Result<void>& done) {
  if (done) ::_exit(0);
  const std::string text = "furnish what was forked: " + done.error().message.substr(0, kMaxReportText / 2);
  const InitReport report{
      .kind = InitReport::Kind::Failed,
      .value = static_cast<std::int32_t>(done.error().code),
      .text_size = static_cast<std::uint32_t>(text.size())};
  const std::string record = std::string(reinterpret_cast<const char*>(&report), sizeof report) + text;
  std::ignore = ::write(adoption.reports, record.data(), record.size());
  ::_exit(1);
}

}  // namespace

Result<pid_t> forked_process(int pidfd, pid_t zygote) {
  const auto pids = pids_of(pidfd);
  if (pids.empty() || pids.back() != 1) {
    return error(Code::PermissionDenied, "what a zygote handed over is not the first process of a pid namespace");
  }
  TRY(const UniqueFd own, pid_namespace(pids.front()));
  TRY(const UniqueFd expected, pid_namespace(zygote));
  const UniqueFd above(::ioctl(own.get(), NS_GET_PARENT));
  // Of a process that has ended meanwhile /proc may have shown another.
  if (!above || !same_file(above.get(), expected.get()) || pids_of(pidfd) != pids) {
    return error(Code::PermissionDenied, "what a zygote handed over is no child of its own");
  }
  return pids.front();
}

void furnish_forked(const Adoption& adoption) {
  auto prepared = prepare(adoption);
  if (!prepared) end(adoption, prepared);
  auto child = clone_process(0);
  if (!child) end(adoption, tl::unexpected<Error>(child.error()));
  if (child->pid == 0) end(adoption, furnish(adoption));
  int status = 0;
  ::waitpid(child->pid, &status, 0);
  if (status != 0) ::_exit(1);  // it has told; or init has ended, and it with init
  // Only now, so that nobody inside sees it.
  end(adoption, send_packet(adoption.gate, "open", {adoption.program, adoption.filter, adoption.reports}));
}

}  // namespace bimodal::sandbox

// The beginning of a sandbox that a zygote's process has forked.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/adoption.h"
#include "sandbox/live_sandbox.h"
#include "sandbox/spec_check.h"

namespace bimodal::sandbox {

Result<std::unique_ptr<LiveSandbox>> LiveSandbox::adopt(
    Host& host, Spec spec, const LiveSandbox& zygote, pid_t pid, std::span<UniqueFd> fds) {
  TRY_VOID(check_spec(spec));
  const bool can = zygote.spec_.profile == Profile::Zygote && zygote.started_ && zygote.embryo_.process.pidfd;
  if (!can || host.privilege == Privilege::Rootless) {
    return error(Code::FailedPrecondition, "sandbox {}: {} is no zygote", spec.name, zygote.spec_.name);
  }
  if (spec.profile != Profile::Container || spec.network != zygote.spec_.network) {
    return error(Code::InvalidArgument, "sandbox {}: a zygote makes containers of its own kind", spec.name);
  }
  std::unique_ptr<LiveSandbox> made(new LiveSandbox(host, std::move(spec)));
  TRY_VOID(made->take_in(zygote, pid, fds));
  return made;
}

Result<void> LiveSandbox::take_in(const LiveSandbox& zygote, pid_t pid, std::span<UniqueFd> fds) {
  TRY_VOID(host_.records.add(spec_));
  recorded_ = true;
  TRY(uid_base_, host_.ranges.take(*zygote.uid_base_));
  TRY(embryo_.address_index, host_.addresses.take());
  const auto done = limit_and_furnish(pid, fds);
  called_ = adopted_ = done.has_value();
  if (!done) abandon(host_, std::exchange(embryo_, {}));
  if (done) embryo_.process = Process{.pid = pid, .pidfd = std::move(fds[1])};
  return done;
}

Result<void> LiveSandbox::limit_and_furnish(pid_t pid, std::span<UniqueFd> fds) {
  TRY(embryo_.cgroups, host_.cgroups.make(fmt::to_string(embryo_.address_index)));
  TRY_VOID(host_.cgroups.limit(embryo_.cgroups, spec_.limits));
  TRY_VOID(move_into_cgroups(embryo_.cgroups, pid));
  if (::syscall(SYS_pidfd_send_signal, fds[1].get(), 0, nullptr, 0) != 0) {
    return error(Code::Unavailable, "sandbox {}: what was forked has ended", spec_.name);
  }
  return furnish(fds[1].get(), fds[2].get());
}

// In a child, which tells init through the gate when it is done, or us why it failed.
Result<void> LiveSandbox::furnish(int process, int gate) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return errno_error(errno, "pipe2");
  embryo_.reports.reset(pipe[0]);
  UniqueFd writer(pipe[1]);
  ::fcntl(pipe[0], F_SETFL, O_NONBLOCK);
  Adoption adoption{
      .network = network_plan(host_, spec_.network, embryo_.address_index),
      .shm_bytes = spec_.limits.memory_bytes / 2,
      .uid_base = *uid_base_,
      .scratch = host_.records.directory(),
      .process = process,
      .program = host_.init.get(),
      .filter = host_.container_filter.get(),
      .reports = writer.get(),
      .gate = gate};
  adoption.network.process = process;
  TRY(Process attendant, clone_process(0));
  if (attendant.pid == 0) furnish_forked(adoption);
  attendants_.push_back(std::move(attendant));
  return {};
}

}  // namespace bimodal::sandbox

#include "sandbox/live_sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "sandbox/errand.h"
#include "sandbox/inside_connection.h"
#include "sandbox/reroot.h"
#include "sandbox/slirp.h"
#include "sandbox/spec_check.h"
#include "sandbox/sweep.h"
#include "sandbox/volume_mount.h"

namespace bimodal::sandbox {

Result<std::unique_ptr<LiveSandbox>> LiveSandbox::start(Host& host, Spec spec, std::span<const UniqueFd> fds) {
  TRY_VOID(check_spec(spec));
  if (spec.network == Network::Egress && host.no_egress) return tl::unexpected<Error>(*host.no_egress);
  if (fds.size() != spec.fds.size() + 1) {
    return error(
        Code::InvalidArgument, "sandbox {}: {} descriptors came for {}", spec.name, fds.size(), spec.fds.size());
  }
  std::unique_ptr<LiveSandbox> made(new LiveSandbox(host, std::move(spec)));
  TRY_VOID(made->launch(fds));
  return made;
}

LiveSandbox::~LiveSandbox() {
  if (uid_base_) host_.ranges.give_back(*uid_base_);
  if (called_) host_.addresses.give_back(embryo_.address_index);  // a failed launch has given it back already
  if (recorded_) host_.records.remove(spec_.name);
}

Result<void> LiveSandbox::launch(std::span<const UniqueFd> fds) {
  TRY_VOID(host_.records.add(spec_));
  recorded_ = true;
  TRY(uid_base_, host_.ranges.take(spec_.uid_base));
  // A ready embryo may have died (of the kernel's want of memory, say): then a fresh one.
  if (auto ready = host_.nursery.take(spec_.network)) {
    embryo_ = std::move(*ready);
    auto called = call_embryo(fds);
    if (called || called.error().code != Code::Unavailable) return called;
  }
  TRY(embryo_, conceive(host_, spec_.network));
  return call_embryo(fds);
}

Result<void> LiveSandbox::call_embryo(std::span<const UniqueFd> fds) {
  // Rootless, limits that nothing can hold were announced (unenforced_limits()).
  Result<void> called;
  if (host_.privilege == Privilege::Root || !embryo_.cgroups.empty()) {
    called = host_.cgroups.limit(embryo_.cgroups, spec_.limits);
  }
  auto user_namespace = host_.ranges.user_namespace(*uid_base_);
  if (called && !user_namespace) called = tl::unexpected<Error>(user_namespace.error());
  if (called) called = call(embryo_, fds[0].get(), *user_namespace, *uid_base_, fds.subspan(1));
  called_ = called.has_value();
  if (!called) abandon(host_, std::exchange(embryo_, {}));
  return called;
}

bool LiveSandbox::read_reports() {
  bool was_started = started_;
  char buffer[PIPE_BUF];
  for (;;) {
    ssize_t got = ::read(embryo_.reports.get(), buffer, sizeof(InitReport));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) embryo_.reports.reset();
    if (got != sizeof(InitReport)) break;
    InitReport report;
    std::memcpy(&report, buffer, sizeof report);
    std::string text(std::min<std::size_t>(report.text_size, kMaxReportText), '\0');
    if (!text.empty() && ::read(embryo_.reports.get(), text.data(), text.size()) < 0) break;  // written with its record
    note(report, std::move(text));
  }
  return started_ && !was_started;
}

void LiveSandbox::note(const InitReport& report, std::string text) {
  switch (report.kind) {
    case InitReport::Kind::Failed:
      failure_ = Error{static_cast<Code>(report.value), std::move(text)};
      break;
    case InitReport::Kind::Started:
      started_ = true;
      break;
    case InitReport::Kind::Exited:
      status_ = report.value;
      break;
  }
}

Reply LiveSandbox::started() const {
  return {
      .kind = Reply::Kind::Started,
      .number = embryo_.process.pid,
      .text = address_of(host_, spec_.network, embryo_.address_index).text()};
}

void LiveSandbox::signal(int number) {
  if (embryo_.process.pidfd) ::syscall(SYS_pidfd_send_signal, embryo_.process.pidfd.get(), number, nullptr, 0);
}

Result<UniqueFd> LiveSandbox::connect(std::uint16_t port) const {
  if (!started_ || !embryo_.process.pidfd) return error(Code::Unavailable, "sandbox {} does not run", spec_.name);
  return connect_inside(
      embryo_.process.pid, host_.privilege, address_of(host_, spec_.network, embryo_.address_index), port);
}

// In the child. The outcome is one byte of Code and the message, or nothing.
void LiveSandbox::be_rerooter(Change change, const Spec& spec, int user_namespace, int outcome) const {
  const Reroot what{
      .spec = spec,
      .privilege = host_.privilege,
      .uid_base = *uid_base_,
      .user_namespace = user_namespace,
      .address = address_of(host_, spec_.network, embryo_.address_index).text(),
      .scratch = host_.records.directory(),
      .init = embryo_.process.pidfd.get()};
  auto done = change == Change::Root ? sandbox::reroot(what) : remount_volume(what);
  if (done) ::_exit(0);
  std::string text(1, static_cast<char>(done.error().code));
  text += done.error().message.substr(0, kMaxReportText);
  std::ignore = ::write(outcome, text.data(), text.size());
  ::_exit(1);
}

Result<void> LiveSandbox::reroot(Spec spec) {
  TRY_VOID(check_spec(spec));
  if (host_.privilege == Privilege::Rootless) {
    return error(Code::Unimplemented, "sandbox {}: a new root needs root", spec_.name);
  }
  if (!started_ || !embryo_.process.pidfd || second_upper_) {
    return error(Code::FailedPrecondition, "sandbox {}: it can't have a new root", spec_.name);
  }
  second_upper_ = spec.upper;
  return begin(Change::Root, spec);
}

Result<void> LiveSandbox::remount(Spec spec) {
  TRY_VOID(check_volumes(spec));
  if (host_.privilege == Privilege::Rootless) {
    return error(
        Code::Unimplemented,
        "a volume can't be reloaded in a running container of a daemon without root; a new "
        "container sees what was committed");
  }
  if (!started_ || !embryo_.process.pidfd || rerooter_.pid > 0) {
    return error(Code::FailedPrecondition, "sandbox {}: its mounts can't change now", spec_.name);
  }
  return begin(Change::Volume, spec);
}

// In a child, because it changes its own namespaces and credentials.
Result<void> LiveSandbox::begin(Change change, const Spec& spec) {
  TRY(int user_namespace, host_.ranges.user_namespace(*uid_base_));
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC | O_NONBLOCK) != 0) return errno_error(errno, "pipe2");
  reroot_outcome_.reset(pipe[0]);
  UniqueFd outcome(pipe[1]);
  TRY(rerooter_, clone_process(0));
  if (rerooter_.pid == 0) be_rerooter(change, spec, user_namespace, outcome.get());
  return {};
}

Reply LiveSandbox::finish_reroot() {
  Reply reply{.kind = Reply::Kind::Rerooted};
  int status = 0;
  ::waitpid(rerooter_.pid, &status, 0);
  rerooter_ = {};
  std::string text(kMaxReportText + 1, '\0');
  ssize_t got = ::read(reroot_outcome_.get(), text.data(), text.size());
  reroot_outcome_.reset();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return reply;
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  reply.number = text.empty() ? static_cast<int>(Code::Internal) : text[0];
  reply.text = "sandbox " + spec_.name + ": new mounts: " + (text.empty() ? "its maker was killed" : text.substr(1));
  return reply;
}

Result<int> LiveSandbox::exec(const ExecSpec& spec, std::span<const UniqueFd> fds) {
  if (!started_ || !embryo_.process.pidfd) return error(Code::Unavailable, "sandbox {} does not run", spec_.name);
  if (attendants_.size() >= Sandbox::kMaxExecs) {
    return error(Code::ResourceExhausted, "{} processes were started in the container already", attendants_.size());
  }
  Errand errand{
      .spec = spec,
      .profile = spec_.profile,
      .limits = spec_.limits,
      .privilege = host_.privilege,
      .init = embryo_.process.pidfd.get(),
      .program = host_.init.get(),
      .filter = spec_.profile == Profile::Build ? host_.build_filter.get() : host_.container_filter.get(),
      .control = fds[1].get()};
  TRY(errand.user_namespace, host_.ranges.user_namespace(*uid_base_));
  UniqueFd cgroup;
  if (!embryo_.cgroups.empty()) {
    TRY(cgroup, host_.cgroups.open_for_clone(embryo_.cgroups));
  }
  errand.cgroup_to_be_born_in = cgroup.get();
  if (!cgroup) errand.cgroups = embryo_.cgroups;
  for (const UniqueFd& fd : fds.subspan(2)) errand.fds.push_back(fd.get());
  TRY(Process attendant, clone_process(0));
  if (attendant.pid == 0) attend(errand);
  const int pidfd = attendant.pidfd.get();
  attendants_.push_back(std::move(attendant));
  return pidfd;
}

void LiveSandbox::reap_attendants() {
  std::erase_if(attendants_, [](const Process& each) { return ::waitpid(each.pid, nullptr, WNOHANG) == each.pid; });
}

void LiveSandbox::sweep_all() const {
  Record record{.name = spec_.name, .upper = spec_.upper, .keep_upper = spec_.keep_upper};
  if (second_upper_) sweep(host_.records, {.name = spec_.name, .upper = *second_upper_}, {});
  sweep(host_.records, record, embryo_.cgroups);
}

bool LiveSandbox::reap() {
  bool just_started = embryo_.reports && read_reports();
  embryo_.reports.reset();
  if (rerooter_.pid > 0) {  // before the sweeper: it makes files
    ::kill(rerooter_.pid, SIGKILL);
    ::waitpid(rerooter_.pid, nullptr, 0);
  }
  if (!adopted_) ::waitpid(embryo_.process.pid, nullptr, 0);
  for (const Process& attendant : attendants_) {  // what they attended to ended with init
    ::kill(attendant.pid, SIGKILL);
    ::waitpid(attendant.pid, nullptr, 0);
  }
  attendants_.clear();
  embryo_.process.pidfd.reset();
  kill_slirp(embryo_.slirp);
  out_of_memory_ = host_.cgroups.oom_kills(embryo_.cgroups) > 0;
  auto sweeper = clone_process(0);
  if (!sweeper) {  // no process to be had: do it here, slowly
    sweep_all();
    return just_started;
  }
  sweeper_ = std::move(*sweeper);
  if (sweeper_.pid == 0) {
    sweep_all();
    ::_exit(0);
  }
  return just_started;
}

Reply LiveSandbox::finish() {
  if (sweeper_.pid > 0) ::waitpid(sweeper_.pid, nullptr, 0);
  end_slirp(embryo_.slirp);
  recorded_ = false;
  if (!started_) {
    Error why = failure_.value_or(Error{Code::Unavailable, "sandbox " + spec_.name + ": killed while starting"});
    return {.kind = Reply::Kind::Failed, .number = static_cast<int>(why.code), .text = why.message};
  }
  Reply reply{.kind = Reply::Kind::Exited};
  reply.report.out_of_memory = out_of_memory_;
  int status = status_.value_or(SIGKILL);  // no status: init was killed, and everything with it
  if (WIFEXITED(status)) {
    reply.report.exit_code = WEXITSTATUS(status);
  } else {
    reply.report.signal = WTERMSIG(status);
  }
  return reply;
}

}  // namespace bimodal::sandbox

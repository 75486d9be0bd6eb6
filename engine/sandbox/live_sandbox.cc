#include "sandbox/live_sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "sandbox/birth.h"
#include "sandbox/capabilities.h"
#include "sandbox/spec_check.h"
#include "sandbox/sweep.h"

namespace bimodal::sandbox {

Result<std::unique_ptr<LiveSandbox>> LiveSandbox::start(Host& host, Spec spec, std::span<const UniqueFd> fds) {
  TRY_VOID(check_spec(spec));
  if (spec.network == Network::Egress && host.no_egress) return tl::unexpected<Error>(*host.no_egress);
  if (fds.size() != spec.fds.size()) {
    return error(Code::InvalidArgument, "sandbox {}: {} descriptors came, not {}", spec.name, fds.size(), spec.fds.size());
  }
  std::unique_ptr<LiveSandbox> made(new LiveSandbox(host, std::move(spec)));
  TRY_VOID(made->launch(fds));
  return made;
}

LiveSandbox::~LiveSandbox() {
  if (uid_base_) host_.ranges.give_back(*uid_base_);
  if (address_) host_.addresses.give_back(*address_);
  if (!recorded_) return;  // the sweeper did the rest
  for (const auto& cgroup : cgroups_) remove_cgroup(cgroup);
  host_.records.remove(spec_.name);
}

Result<void> LiveSandbox::launch(std::span<const UniqueFd> fds) {
  TRY_VOID(host_.records.add(spec_));
  recorded_ = true;
  TRY(uid_base_, host_.ranges.take(spec_.uid_base));
  TRY(address_, host_.addresses.take());
  TRY(int user_namespace, host_.ranges.user_namespace(*uid_base_));
  TRY(cgroups_, host_.cgroups.make(spec_.name, spec_.limits));
  TRY(UniqueFd cgroup, host_.cgroups.open_for_clone(cgroups_));
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return errno_error(errno, "pipe2");
  reports_.reset(pipe[0]);
  UniqueFd writer(pipe[1]);
  ::fcntl(reports_.get(), F_SETFL, O_NONBLOCK);

  Birth birth{
      .spec = spec_,
      .privilege = host_.privilege,
      .uid_base = *uid_base_,
      .user_namespace = user_namespace,
      .scratch = host_.records.directory(),
      .network =
          {.network = spec_.network,
           .address = host_.addresses.address(*address_),
           .gateway = host_.addresses.gateway(),
           .host_name = fmt::format("{}{}", host_.tag.interface_prefix(), *address_),
           .mtu = host_.mtu},
      .resolver = host_.resolver,
      .cgroups = cgroup ? std::vector<std::filesystem::path>{} : cgroups_,
      .capabilities = capabilities_of(spec_.profile),
      .init = host_.init.get(),
      .filter = spec_.profile == Profile::Build ? host_.build_filter.get() : host_.container_filter.get(),
      .reports = writer.get(),
  };
  for (const auto& fd : fds) birth.passed.push_back(fd.get());
  TRY(init_, clone_process(birth_namespaces(), cgroup.get()));
  if (init_.pid == 0) be_born(birth);
  return {};
}

bool LiveSandbox::read_reports() {
  bool was_started = started_;
  char buffer[PIPE_BUF];
  for (;;) {
    ssize_t got = ::read(reports_.get(), buffer, sizeof(InitReport));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) reports_.reset();
    if (got != sizeof(InitReport)) break;
    InitReport report;
    std::memcpy(&report, buffer, sizeof report);
    std::string text(std::min<std::size_t>(report.text_size, kMaxReportText), '\0');
    if (!text.empty() && ::read(reports_.get(), text.data(), text.size()) < 0) break;  // written with its record
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
  return {.kind = Reply::Kind::Started, .number = init_.pid, .text = host_.addresses.address(*address_).text()};
}

void LiveSandbox::signal(int number) {
  if (init_.pidfd) ::syscall(SYS_pidfd_send_signal, init_.pidfd.get(), number, nullptr, 0);
}

bool LiveSandbox::reap() {
  bool just_started = reports_ && read_reports();
  reports_.reset();
  ::waitpid(init_.pid, nullptr, 0);
  init_.pidfd.reset();
  out_of_memory_ = host_.cgroups.oom_kills(cgroups_) > 0;
  Record record{.name = spec_.name, .upper = spec_.upper, .keep_upper = spec_.keep_upper};
  auto sweeper = clone_process(0);
  if (!sweeper) {  // no process to be had: do it here, slowly
    sweep(host_.records, record, cgroups_);
    return just_started;
  }
  sweeper_ = std::move(*sweeper);
  if (sweeper_.pid == 0) {
    sweep(host_.records, record, cgroups_);
    ::_exit(0);
  }
  return just_started;
}

Reply LiveSandbox::finish() {
  if (sweeper_.pid > 0) ::waitpid(sweeper_.pid, nullptr, 0);
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

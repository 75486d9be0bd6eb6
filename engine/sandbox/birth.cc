#include "sandbox/birth.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/cgroups.h"
#include "sandbox/codec.h"
#include "sandbox/descriptors.h"
#include "sandbox/growth.h"
#include "sandbox/init_plan.h"
#include "sandbox/packet.h"
#include "sandbox/protocol.h"

namespace bimodal::sandbox {

namespace {

Result<void> check(bool good, const char* what) {
  if (good) return {};
  return errno_error(errno, what);
}

// The launcher's other descriptors are copies of what belongs to other sandboxes: a pipe that stays open here would
// never end for its reader.
void close_others(const Birth& birth) {
  std::vector<int> kept = {0, 1, 2, birth.init, birth.reports, birth.call};
  for (int fd : {birth.container_filter, birth.build_filter, birth.zygote_filter}) kept.push_back(fd);
  for (int fd : {birth.network.slirp_made, birth.network.slirp_ready}) {
    if (fd >= 0) kept.push_back(fd);
  }
  close_all_but(std::move(kept));
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

// The first half.
Result<void> gestate(const Birth& birth) {
  close_others(birth);
  TRY_VOID(join_cgroups(birth.cgroups));
  TRY_VOID(leave_the_daemon());
  TRY_VOID(check(::unshare(CLONE_NEWCGROUP) == 0, "new cgroup namespace"));
  return enter_network(birth.network);
}

Packet wait_for_call(int socket) {
  for (;;) {
    pollfd readable{.fd = socket, .events = POLLIN};
    ::poll(&readable, 1, -1);
    Received received = receive_packet(socket);
    if (received.ended) ::_exit(0);
    if (received.packet) return std::move(*received.packet);
  }
}

int filter_of(const Birth& birth, Profile profile) {
  if (profile == Profile::Build) return birth.build_filter;
  return profile == Profile::Zygote ? birth.zygote_filter : birth.container_filter;
}

// The second half. `reports` follows the report pipe to its final number.
Result<void> answer_call(const Birth& birth, const Packet& call, int& reports) {
  Reader in(call.bytes);
  auto uid_base = static_cast<std::uint32_t>(in.number());
  if (!in.ok() || call.fds.size() < kCallFds) return error(Code::Internal, "launcher: malformed call");
  TRY(std::string bytes, read_file(call.fds[0].get(), kMaxSpecBytes));
  TRY(Spec spec, decode_spec(bytes));
  Growth growth{
      .spec = spec,
      .privilege = birth.privilege,
      .uid_base = uid_base,
      .user_namespace = call.fds[1].get(),
      .address = birth.network.address.text(),
      .resolver = birth.network.resolver ? birth.network.resolver->text() : "",
      .scratch = birth.scratch,
      .init = birth.init,
      .filter = filter_of(birth, spec.profile),
      .reports = birth.reports};
  for (std::size_t i = kCallFds; i < call.fds.size(); ++i) growth.passed.push_back(call.fds[i].get());
  return grow_up(growth, reports);
}

Result<void> live(const Birth& birth, int& reports) {
  TRY_VOID(gestate(birth));
  Packet call = wait_for_call(birth.call);
  return answer_call(birth, call, reports);
}

}  // namespace

std::uint64_t birth_namespaces() {
  return CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
}

std::string encode_call(std::uint32_t uid_base) {
  Writer out;
  out.number(uid_base);
  return out.bytes();
}

void be_born(const Birth& birth) {
  int reports = birth.reports;
  auto outcome = live(birth, reports);
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

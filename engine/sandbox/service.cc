#include "sandbox/service.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <utility>

#include "sandbox/adoption.h"
#include "sandbox/errand.h"
#include "sandbox/host.h"
#include "sandbox/live_sandbox.h"
#include "sandbox/packet.h"
#include "sandbox/protocol.h"

namespace bimodal::sandbox {

namespace {

// What an epoll event is about: a sandbox's id (0: the launcher itself) and which of its descriptors.
enum class Part : std::uint64_t {
  Socket = 0,
  Signals = 1,
  Reports = 0,
  Init = 1,
  Sweeper = 2,
  Slirp = 3,
  Rerooter = 4,
  Attendant = 5
};
constexpr std::uint64_t kParts = 8;  // more than any Part

}  // namespace

struct Service::State {
  State(Host host, UniqueFd socket) : host(std::move(host)), socket(std::move(socket)) {}

  Result<void> open();
  Result<void> watch(int fd, std::uint64_t id, Part part);
  void handle(std::uint64_t id, Part part);
  void take_requests();
  void answer(Packet& packet);
  void start(const Request& request, Packet& packet);
  Result<std::unique_ptr<LiveSandbox>> start_from(const Request& request, Packet& packet);
  bool follow(std::uint64_t id, const LiveSandbox& sandbox);
  void connect(std::uint64_t id, const LiveSandbox& sandbox, int port);
  void reroot(const Request& request, const Packet& packet);
  Result<void> reroot_from(Request::Kind kind, const Packet& packet, LiveSandbox& sandbox);
  void exec(std::uint64_t id, const Packet& packet);
  Result<void> exec_from(std::uint64_t id, const Packet& packet);
  void advance(std::uint64_t id, Part part);
  void end(std::uint64_t id);
  void begin_closing();
  void send(Reply reply, std::uint64_t id);

  Host host;
  UniqueFd socket, signals, epoll;
  std::map<std::uint64_t, std::unique_ptr<LiveSandbox>> live;
  bool closing = false;
};

Result<void> Service::State::open() {
  epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return errno_error(errno, "epoll");
  sigset_t handled;
  ::sigemptyset(&handled);
  for (int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&handled, number);
  ::sigprocmask(SIG_BLOCK, &handled, nullptr);
  signals.reset(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return errno_error(errno, "signalfd");
  TRY_VOID(watch(signals.get(), 0, Part::Signals));
  return watch(socket.get(), 0, Part::Socket);
}

Result<void> Service::State::watch(int fd, std::uint64_t id, Part part) {
  // Edge-triggered: children hold copies of closed descriptors for a while, and those must not report for ever.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = id * kParts + static_cast<std::uint64_t>(part)}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
  return errno_error(errno, "epoll_ctl");
}

void Service::State::send(Reply reply, std::uint64_t id) {
  reply.id = id;
  // A daemon that is gone needs no answer: its end shows on the socket.
  std::ignore = send_packet(socket.get(), encode(reply), {});
}

void Service::State::handle(std::uint64_t id, Part part) {
  if (id != 0) return advance(id, part);
  if (part == Part::Signals) return begin_closing();
  take_requests();
}

void Service::State::take_requests() {
  for (;;) {
    Received received = receive_packet(socket.get());
    if (received.ended) return begin_closing();
    if (!received.packet) return;
    answer(*received.packet);
  }
}

void Service::State::answer(Packet& packet) {
  auto request = decode_request(packet.bytes);
  if (!request) return begin_closing();  // not our daemon
  if (request->kind == Request::Kind::Close) return begin_closing();
  if (request->kind == Request::Kind::Start || request->kind == Request::Kind::Adopt) return start(*request, packet);
  if (request->kind == Request::Kind::Reroot || request->kind == Request::Kind::Remount) {
    return reroot(*request, packet);
  }
  if (request->kind == Request::Kind::Exec) return exec(request->id, packet);
  auto found = live.find(request->id);
  if (found == live.end()) return;
  if (request->kind == Request::Kind::Connect) return connect(request->id, *found->second, request->number);
  found->second->signal(request->kind == Request::Kind::Kill ? SIGKILL : request->number);
}

Result<std::unique_ptr<LiveSandbox>> Service::State::start_from(const Request& request, Packet& packet) {
  if (closing) return error(Code::Unavailable, "launcher: it is closing");
  if (packet.fds.empty()) return error(Code::InvalidArgument, "launcher: no spec");
  TRY(std::string bytes, read_file(packet.fds[0].get(), kMaxSpecBytes));
  TRY(Spec spec, decode_spec(bytes));
  if (request.kind == Request::Kind::Start) return LiveSandbox::start(host, std::move(spec), packet.fds);
  auto zygote = live.find(request.other);
  if (zygote == live.end()) return error(Code::Unavailable, "sandbox {}: its zygote has ended", spec.name);
  if (packet.fds.size() != 3) return error(Code::InvalidArgument, "launcher: nothing to adopt");
  TRY(const pid_t pid, forked_process(packet.fds[1].get(), zygote->second->pid()));
  for (const auto& [id, other] : live) {
    if (other->pid() != pid || other->init() < 0) continue;
    return error(Code::PermissionDenied, "sandbox {}: what was forked is a sandbox already", spec.name);
  }
  return LiveSandbox::adopt(host, std::move(spec), *zygote->second, pid, packet.fds);
}

bool Service::State::follow(std::uint64_t id, const LiveSandbox& sandbox) {
  if (!watch(sandbox.reports(), id, Part::Reports) || !watch(sandbox.init(), id, Part::Init)) return false;
  if (sandbox.attendant() >= 0 && !watch(sandbox.attendant(), id, Part::Attendant)) return false;
  return sandbox.slirp() < 0 || watch(sandbox.slirp(), id, Part::Slirp);
}

void Service::State::start(const Request& request, Packet& packet) {
  const std::uint64_t id = request.id;
  auto made = start_from(request, packet);
  if (!made) {
    return send(
        {.kind = Reply::Kind::Failed, .number = static_cast<int>(made.error().code), .text = made.error().message}, id);
  }
  LiveSandbox& sandbox = *live.emplace(id, std::move(*made)).first->second;
  if (follow(id, sandbox)) return;
  sandbox.signal(SIGKILL);
  advance(id, Part::Init);  // waits for it
}

void Service::State::connect(std::uint64_t id, const LiveSandbox& sandbox, int port) {
  auto made = sandbox.connect(static_cast<std::uint16_t>(port));
  Reply reply{.kind = Reply::Kind::Connected, .id = id};
  if (!made) {
    reply.number = static_cast<int>(made.error().code);
    reply.text = made.error().message;
  }
  std::vector<int> fds;
  if (made) fds.push_back(made->get());
  std::ignore = send_packet(socket.get(), encode(reply), fds);
}

Result<void> Service::State::reroot_from(Request::Kind kind, const Packet& packet, LiveSandbox& sandbox) {
  if (packet.fds.empty()) return error(Code::InvalidArgument, "launcher: no spec");
  TRY(std::string bytes, read_file(packet.fds[0].get(), kMaxSpecBytes));
  TRY(Spec spec, decode_spec(bytes));
  return kind == Request::Kind::Reroot ? sandbox.reroot(std::move(spec)) : sandbox.remount(std::move(spec));
}

// For a sandbox that has ended meanwhile its Exited is the answer.
void Service::State::reroot(const Request& request, const Packet& packet) {
  const std::uint64_t id = request.id;
  auto found = live.find(id);
  if (found == live.end()) return;
  LiveSandbox& sandbox = *found->second;
  auto begun = reroot_from(request.kind, packet, sandbox);
  if (begun) begun = watch(sandbox.rerooter(), id, Part::Rerooter);
  if (begun) return;
  if (sandbox.rerooter() >= 0) return send(sandbox.finish_reroot(), id);
  Reply refusal{.kind = Reply::Kind::Rerooted, .number = static_cast<int>(begun.error().code)};
  refusal.text = begun.error().message;
  send(std::move(refusal), id);
}

Result<void> Service::State::exec_from(std::uint64_t id, const Packet& packet) {
  auto found = live.find(id);
  if (found == live.end()) return error(Code::Unavailable, "the sandbox has ended");
  TRY(std::string bytes, read_file(packet.fds[0].get(), kMaxSpecBytes));
  TRY(const ExecSpec spec, decode_exec_spec(bytes));
  if (spec.argv.empty() || spec.argv[0].empty()) return error(Code::InvalidArgument, "exec: no command");
  if (packet.fds.size() != spec.fds.size() + 2)
    return error(Code::InvalidArgument, "exec: wrong number of descriptors");
  TRY(const int attendant, found->second->exec(spec, packet.fds));
  return watch(attendant, id, Part::Attendant);
}

void Service::State::exec(std::uint64_t id, const Packet& packet) {
  if (packet.fds.size() < 2) return;
  const auto begun = exec_from(id, packet);
  if (!begun) std::ignore = send_packet(packet.fds[1].get(), failed_exec(begun.error()), {});
}

void Service::State::advance(std::uint64_t id, Part part) {
  auto found = live.find(id);
  if (found == live.end()) return;
  LiveSandbox& sandbox = *found->second;
  // A pidfd of which a child still has a copy reports a second time, when its process has been waited for.
  if ((part == Part::Rerooter && sandbox.rerooter() < 0) || (part == Part::Init && sandbox.init() < 0)) return;
  if (part == Part::Attendant) return sandbox.reap_attendants();
  if (part == Part::Slirp) return sandbox.signal(SIGKILL);  // a container whose network is gone is of no use
  if (part == Part::Reports) {
    if (sandbox.read_reports()) {
      send(sandbox.started(), id);
      // Only now, so that it takes nothing from the start itself.
      if (!closing) host.nursery.refill(host, sandbox.network());
    }
    return;
  }
  if (part == Part::Rerooter) return send(sandbox.finish_reroot(), id);
  if (part == Part::Init) {
    if (sandbox.reap()) send(sandbox.started(), id);
    if (sandbox.sweeper() >= 0 && watch(sandbox.sweeper(), id, Part::Sweeper)) return;
  }
  end(id);
}

void Service::State::end(std::uint64_t id) {
  send(live.at(id)->finish(), id);
  live.erase(id);
}

void Service::State::begin_closing() {
  if (std::exchange(closing, true)) return;
  ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, socket.get(), nullptr);
  ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, signals.get(), nullptr);
  for (auto& [id, sandbox] : live) sandbox->signal(SIGKILL);
}

Service::Service(Host host, UniqueFd socket) : state_(std::make_unique<State>(std::move(host), std::move(socket))) {}

Service::~Service() = default;

Result<void> Service::run() {
  TRY_VOID(state_->open());
  state_->host.nursery.refill(state_->host, state_->host.no_egress ? Network::None : Network::Egress);
  while (!state_->closing || !state_->live.empty()) {
    std::array<epoll_event, 64> events;
    int count = ::epoll_wait(state_->epoll.get(), events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      std::uint64_t key = events[static_cast<std::size_t>(i)].data.u64;
      state_->handle(key / kParts, static_cast<Part>(key % kParts));
    }
  }
  release_host(state_->host);
  return {};
}

}  // namespace bimodal::sandbox

#include "sandbox/remote.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>

#include "base/log.h"
#include "sandbox/packet.h"

namespace bimodal::sandbox {

namespace asio = boost::asio;

Remote::Remote(LauncherProcess process, asio::any_io_executor executor)
    : executor_(executor), socket_(executor, process.socket.release()), pid_(process.pid), ended_(executor) {}

Remote::~Remote() = default;

void Remote::connect() {
  wait_readable();
}

void Remote::wait_readable() {
  auto self = shared_from_this();
  socket_.async_wait(asio::posix::stream_descriptor::wait_read, [self](boost::system::error_code failure) {
    if (failure) return;
    self->read_replies();
  });
}

void Remote::read_replies() {
  for (;;) {
    Received received = receive_packet(socket_.native_handle());
    if (received.ended) return lose();
    if (!received.packet) return wait_readable();
    auto reply = decode_reply(received.packet->bytes);
    if (!reply) return lose();
    handle(*reply, received.packet->fds);
  }
}

namespace {

void note_connected(RemoteState& state, const Reply& reply, std::vector<UniqueFd>& fds) {
  if (state.connecting.empty()) return;
  auto oldest = std::move(state.connecting.front());
  state.connecting.pop_front();
  oldest->answered = true;
  if (fds.empty()) {
    oldest->failure = Error{static_cast<Code>(reply.number), reply.text};
  } else {
    oldest->socket = std::move(fds.front());
  }
}

}  // namespace

void Remote::handle(const Reply& reply, std::vector<UniqueFd>& fds) {
  if (reply.kind == Reply::Kind::Notice) return note(reply.text);
  auto found = live_.find(reply.id);
  if (found == live_.end()) return;
  auto state = found->second;
  switch (reply.kind) {
    case Reply::Kind::Started:
      state->started = true;
      state->pid = reply.number;
      state->address = reply.text;
      if (state->abandoned) ask(Request::Kind::Kill, state->id);
      break;
    case Reply::Kind::Failed:
      state->failure = Error{static_cast<Code>(reply.number), reply.text};
      live_.erase(found);
      break;
    case Reply::Kind::Exited:
      state->report = reply.report;
      live_.erase(found);
      break;
    case Reply::Kind::Connected:
      note_connected(*state, reply, fds);
      break;
    case Reply::Kind::Rerooted:
      state->changing_mounts = false;
      state->rerooted = Result<void>();
      if (reply.number != 0) state->rerooted = error(static_cast<Code>(reply.number), "{}", reply.text);
      break;
    case Reply::Kind::Notice:
      break;
  }
  state->changed.notify_all();
}

void Remote::note(const std::string& text) {
  log::warning("launcher: {}", text);
  last_notice_ = text;
}

Error Remote::loss() const {
  return {Code::Unavailable, fmt::format("launcher: it ended ({}); restart the daemon", last_notice_)};
}

void Remote::lose() {
  if (std::exchange(lost_, true)) return;
  socket_.close();
  unsent_.clear();
  auto live = std::exchange(live_, {});
  for (auto& [id, state] : live) {
    state->failure = loss();
    state->report = ExitReport{.signal = SIGKILL};
    state->changed.notify_all();
  }
  ::waitpid(pid_, nullptr, 0);  // it has closed its socket: this waits for the rest of its exit at most
  ended_.notify_all();
}

Result<void> Remote::send(Unsent message) {
  if (lost_) return tl::unexpected<Error>(loss());
  if (unsent_.size() >= kMaxUnsent) return error(Code::ResourceExhausted, "launcher: {} requests wait", kMaxUnsent);
  unsent_.push_back(std::move(message));
  if (!writing_) flush();
  return {};
}

void Remote::flush() {
  while (!unsent_.empty()) {
    std::vector<int> fds;
    for (const auto& fd : unsent_.front().fds) fds.push_back(fd.get());
    auto sent = send_packet(socket_.native_handle(), unsent_.front().bytes, fds);
    if (!sent && sent.error().code == Code::ResourceExhausted) return wait_writable();
    if (!sent) return;  // the reader learns that the launcher is gone
    unsent_.pop_front();
  }
}

void Remote::wait_writable() {
  writing_ = true;
  auto self = shared_from_this();
  socket_.async_wait(asio::posix::stream_descriptor::wait_write, [self](boost::system::error_code failure) {
    self->writing_ = false;
    if (!failure) self->flush();
  });
}

Result<std::shared_ptr<RemoteState>> Remote::ask_start(const Spec& spec) {
  TRY(UniqueFd encoded, memory_file("spec", encode(spec)));
  Unsent message;
  message.fds.push_back(std::move(encoded));
  for (const auto& passed : spec.fds) {
    UniqueFd copy(::fcntl(passed.fd, F_DUPFD_CLOEXEC, 0));
    if (!copy) return errno_error(errno, fmt::format("sandbox {}: descriptor {}", spec.name, passed.fd));
    message.fds.push_back(std::move(copy));
  }
  return begin(Request::Kind::Start, 0, std::move(message));
}

Result<std::shared_ptr<RemoteState>> Remote::ask_adopt(const Spec& spec, std::uint64_t zygote, Forked forked) {
  TRY(UniqueFd encoded, memory_file("spec", encode(spec)));
  Unsent message;
  message.fds.push_back(std::move(encoded));
  message.fds.push_back(std::move(forked.process));
  message.fds.push_back(std::move(forked.gate));
  return begin(Request::Kind::Adopt, zygote, std::move(message));
}

Result<std::shared_ptr<RemoteState>> Remote::begin(Request::Kind kind, std::uint64_t other, Unsent message) {
  auto state = std::make_shared<RemoteState>(executor_);
  state->id = next_id_++;
  message.bytes = encode(Request{.kind = kind, .id = state->id, .other = other});
  TRY_VOID(send(std::move(message)));
  live_.emplace(state->id, state);
  return state;
}

Result<std::shared_ptr<RemoteState::Connecting>> Remote::ask_connect(RemoteState& state, std::uint16_t port) {
  if (state.report) return error(Code::Unavailable, "the sandbox has ended");
  if (state.connecting.size() >= Sandbox::kMaxConnecting) {
    return error(Code::ResourceExhausted, "{} connections into one sandbox wait", state.connecting.size());
  }
  Unsent message;
  message.bytes = encode(Request{.kind = Request::Kind::Connect, .id = state.id, .number = port});
  TRY_VOID(send(std::move(message)));
  return state.connecting.emplace_back(std::make_shared<RemoteState::Connecting>());
}

Result<void> Remote::ask_reroot(Request::Kind kind, std::uint64_t id, const Spec& spec) {
  TRY(UniqueFd encoded, memory_file("spec", encode(spec)));
  Unsent message;
  message.fds.push_back(std::move(encoded));
  message.bytes = encode(Request{.kind = kind, .id = id});
  return send(std::move(message));
}

Result<void> Remote::ask_exec(std::uint64_t id, const ExecSpec& spec, UniqueFd control) {
  const std::string bytes = encode(spec);
  if (bytes.size() > kMaxSpecBytes) {
    return error(Code::InvalidArgument, "command and environment are larger than {} MiB", kMaxSpecBytes >> 20);
  }
  TRY(UniqueFd encoded, memory_file("exec", bytes));
  Unsent message;
  message.fds.push_back(std::move(encoded));
  message.fds.push_back(std::move(control));
  for (const auto& passed : spec.fds) {
    UniqueFd copy(::fcntl(passed.fd, F_DUPFD_CLOEXEC, 0));
    if (!copy) return errno_error(errno, fmt::format("exec: descriptor {}", passed.fd));
    message.fds.push_back(std::move(copy));
  }
  message.bytes = encode(Request{.kind = Request::Kind::Exec, .id = id});
  return send(std::move(message));
}

void Remote::ask(Request::Kind kind, std::uint64_t id, int number) {
  Unsent message;
  message.bytes = encode(Request{.kind = kind, .id = id, .number = number});
  auto sent = send(std::move(message));
  if (!sent && !lost_) log::error("{}", sent.error().message);
}

Task<void> Remote::close() {
  ask(Request::Kind::Close, 0);
  while (!lost_) co_await ended_.wait(Deadline::never());
}

void Remote::disconnect() {
  if (lost_) return;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace bimodal::sandbox

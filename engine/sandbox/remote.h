// The daemon's end of the connection to the launcher: requests out, replies in, and the state of each sandbox.
//
// Loop-bound. Shared by the Launcher and every Sandbox, whichever goes last.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/pulse.h"
#include "async/task.h"
#include "sandbox/launcher.h"
#include "sandbox/protocol.h"

namespace bimodal::sandbox {

// One sandbox, from the request to start it until its end.
struct RemoteState {
  explicit RemoteState(boost::asio::any_io_executor executor) : changed(std::move(executor)) {}
  std::uint64_t id = 0;
  Pulse changed;
  bool started = false;
  bool abandoned = false;  // nobody waits for the start any more: kill it when it comes
  int pid = -1;
  std::string address;
  std::optional<Error> failure;  // of the start
  std::optional<Result<void>> rerooted;
  bool changing_mounts = false;  // an answer to that is awaited; one at a time
  std::optional<ExitReport> report;
  // Connections that were asked for, oldest first: the launcher answers in order.
  struct Connecting {
    bool answered = false;
    UniqueFd socket;
    std::optional<Error> failure;
  };
  std::deque<std::shared_ptr<Connecting>> connecting;
};

class Remote : public std::enable_shared_from_this<Remote> {
 public:
  Remote(LauncherProcess process, boost::asio::any_io_executor executor);
  ~Remote();

  // Begins to read replies; keeps itself alive until the launcher is gone or disconnect().
  void connect();

  // Sends the request to start `spec`. ResourceExhausted when kMaxUnsent requests wait already.
  Result<std::shared_ptr<RemoteState>> ask_start(const Spec& spec);
  // As ask_start(), for what was forked from the sandbox `zygote`.
  Result<std::shared_ptr<RemoteState>> ask_adopt(const Spec& spec, std::uint64_t zygote, Forked forked);
  void ask(Request::Kind kind, std::uint64_t id, int number = 0);
  Result<void> ask_reroot(Request::Kind kind, std::uint64_t id, const Spec& spec);  // Reroot or Remount

  // `control`: the launcher's end of the socket on which an exec is followed.
  Result<void> ask_exec(std::uint64_t id, const ExecSpec& spec, UniqueFd control);

  // ResourceExhausted when too many wait already.
  Result<std::shared_ptr<RemoteState::Connecting>> ask_connect(RemoteState& state, std::uint16_t port);

  boost::asio::any_io_executor executor() const { return executor_; }

  // Asks the launcher to end and waits until it has.
  Task<void> close();
  // Drops the connection at once; the launcher then ends by itself.
  void disconnect();

 private:
  struct Unsent {
    std::string bytes;
    std::vector<UniqueFd> fds;
  };
  static constexpr std::size_t kMaxUnsent = 1024;

  Result<std::shared_ptr<RemoteState>> begin(Request::Kind kind, std::uint64_t other, Unsent message);
  Result<void> send(Unsent message);
  void flush();
  void wait_writable();
  void wait_readable();
  void read_replies();
  void handle(const Reply& reply, std::vector<UniqueFd>& fds);
  void note(const std::string& text);
  Error loss() const;
  void lose();  // the launcher is gone, and every sandbox with it

  boost::asio::any_io_executor executor_;
  boost::asio::posix::stream_descriptor socket_;
  int pid_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::shared_ptr<RemoteState>> live_;
  std::deque<Unsent> unsent_;
  bool writing_ = false;
  bool lost_ = false;
  std::string last_notice_ = "killed";  // what the launcher said last: why it couldn't go on
  Pulse ended_;
};

}  // namespace bimodal::sandbox

// One container's connection that carries calls as frames (frame_format.h). Loop-bound; lives until its caller has hung
// up and the coroutines of its calls have ended.
//
// At most kMaxRunning calls run at once and kMaxUnsent bytes of answers wait to be taken: beyond either nothing more is
// read.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <memory>
#include <string>
#include <unordered_map>

#include "async/pulse.h"
#include "async/task.h"
#include "base/unique_fd.h"
#include "rpc/dispatcher.h"
#include "rpc/frame_format.h"

namespace bimodal::rpc {

class FrameConnection : public std::enable_shared_from_this<FrameConnection> {
 public:
  static constexpr std::size_t kMaxRunning = 2048;
  static constexpr std::size_t kMaxUnsent = std::size_t{16} << 20;

  FrameConnection(Dispatcher& dispatcher, UniqueFd connection, std::string task_id);

  // Until the container hangs up or breaks the format. Queries of its that still run are cancelled then.
  static Task<void> serve(std::shared_ptr<FrameConnection> self);

 private:
  class RunningCall;

  Task<bool> read();
  Result<void> take_frames();
  void begin(const CallFrame& frame);
  void end(std::uint32_t number, const Result<SharedMessage>& answer);
  void send();
  static Task<void> send_rest(std::shared_ptr<FrameConnection> self);
  bool is_full() const { return calls_.size() >= kMaxRunning || unsent_.size() >= kMaxUnsent; }

  Dispatcher& dispatcher_;
  boost::asio::local::stream_protocol::socket socket_;
  Caller caller_;
  bool greeted_ = false;
  std::string received_, unsent_;
  bool sending_ = false;
  std::unordered_map<std::uint32_t, std::shared_ptr<RunningCall>> calls_;
  Pulse eased_;
};

}  // namespace bimodal::rpc

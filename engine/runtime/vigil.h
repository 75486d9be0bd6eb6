// Notices that a warm container hangs, or that its event loop is blocked: looks at it now and then, and says what is to
// be done. A plain value with no clock of its own.
//
// There are two to be asked. The runner answers a ping on the application's event loop. The client has a heartbeat out
// nearly always: the daemon leaves it unanswered, and once it answers, the next one comes a second later. A container
// with requests inside is asked at each look, an idle one once in `limit`, as each question wakes it.
//
// Found is a container that hangs with requests inside `limit` after its last sign of life, and an idle one within
// twice that. A blocked event loop is found at the second look after it was given a request.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "async/deadline.h"

namespace bimodal::runtime {

class Vigil {
 public:
  using Clock = Deadline::Clock;

  struct Limits {
    std::chrono::milliseconds
        stalled_after;                  // an event loop that answers nothing for so long is blocked; 0: isn't asked
    std::chrono::milliseconds limit;    // without a sign of life
    std::chrono::milliseconds blocked;  // an event loop for so long, whatever the client says
  };
  explicit Vigil(Limits limits);

  struct Facts {
    bool runner_answers = false;    // it serves, and isn't told to go
    bool heartbeat_is_out = false;  // and can be answered
    bool was_used = false;          // a request inside, since the last look
  };
  struct Finding {
    bool ping = false;           // to be sent to the runner
    bool answer = false;         // to be given to the heartbeat that is out
    bool stalls = false;         // from now on
    std::string killed_because;  // "": it isn't
  };
  // The time between two looks.
  std::chrono::milliseconds pause() const { return pause_; }
  Finding look(Clock::time_point now, const Facts& facts);

  void note_heartbeat(Clock::time_point now);
  // The runner's answer. True when the container stalled and goes on.
  bool note_pong(Clock::time_point now);

 private:
  void ask_runner(Clock::time_point now, const Facts& facts, Finding& finding);
  void ask_client(Clock::time_point now, const Facts& facts, Finding& finding);
  void note_sign(Clock::time_point now);

  const Limits limits_;
  const std::chrono::milliseconds pause_, slack_;
  std::optional<Clock::time_point> last_sign_;
  std::optional<Clock::time_point> pinged_at_;    // unanswered
  std::optional<Clock::time_point> answered_at_;  // a heartbeat, after which none has come
  bool has_heartbeats_ = false;                   // not every client sends some
  bool stalled_ = false;
};

}  // namespace bimodal::runtime

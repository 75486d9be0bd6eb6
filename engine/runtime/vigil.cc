#include "runtime/vigil.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/in_words.h"

namespace bimodal::runtime {

using namespace std::chrono_literals;

namespace {

// A client whose heartbeat failed sends the next one after so long (runner: heartbeats.py), and can't be asked before.
constexpr auto kClientsPause = 600s;

std::chrono::milliseconds pause_of(const Vigil::Limits& limits) {
  if (limits.stalled_after.count() == 0) return limits.limit / 2;
  return std::min(limits.stalled_after, limits.limit / 2);
}

}  // namespace

// Looks are as punctual as roughly_after() makes them.
Vigil::Vigil(Limits limits) : limits_(limits), pause_(pause_of(limits)), slack_(pause_ / 10) {}

Vigil::Finding Vigil::look(Clock::time_point now, const Facts& facts) {
  if (!last_sign_) last_sign_ = now;
  Finding finding;
  if (facts.runner_answers && limits_.stalled_after.count() > 0) ask_runner(now, facts, finding);
  if (has_heartbeats_ && finding.killed_because.empty()) ask_client(now, facts, finding);
  return finding;
}

void Vigil::ask_runner(Clock::time_point now, const Facts& facts, Finding& finding) {
  if (!pinged_at_) {
    finding.ping = facts.was_used || now - *last_sign_ >= limits_.limit - slack_;
    if (finding.ping) pinged_at_ = now;
    return;
  }
  if (now - *pinged_at_ >= limits_.blocked - slack_) {
    finding.killed_because = fmt::format("killed: its event loop was blocked for {}", in_words(limits_.blocked));
  }
  finding.stalls = !std::exchange(stalled_, true);
}

// While the runner answers, nobody has to ask the client.
void Vigil::ask_client(Clock::time_point now, const Facts& facts, Finding& finding) {
  const bool runner_is_asked = facts.runner_answers && limits_.stalled_after.count() > 0;
  if (runner_is_asked && !stalled_) return;
  const auto silence = now - *last_sign_ + slack_;
  if (!answered_at_) {
    const bool is_due = silence >= (facts.was_used || stalled_ ? limits_.limit / 2 : limits_.limit);
    finding.answer = is_due && facts.heartbeat_is_out;
    if (finding.answer) answered_at_ = now;
  }
  const bool was_asked = answered_at_ && now - *answered_at_ + slack_ >= limits_.limit / 2;
  if (silence < (was_asked ? limits_.limit : kClientsPause + limits_.limit)) return;
  finding.killed_because = fmt::format("killed: it hangs (no heartbeat for {})", in_words(limits_.limit));
}

void Vigil::note_heartbeat(Clock::time_point now) {
  has_heartbeats_ = true;
  note_sign(now);
}

bool Vigil::note_pong(Clock::time_point now) {
  pinged_at_.reset();
  note_sign(now);
  return std::exchange(stalled_, false);
}

void Vigil::note_sign(Clock::time_point now) {
  last_sign_ = now;
  answered_at_.reset();
}

}  // namespace bimodal::runtime

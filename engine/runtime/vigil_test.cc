#include "runtime/vigil.h"

#include <gtest/gtest.h>

namespace bimodal::runtime {
namespace {

using namespace std::chrono_literals;

constexpr Vigil::Facts kIdle{.runner_answers = true, .heartbeat_is_out = true};
constexpr Vigil::Facts kBusy{.runner_answers = true, .heartbeat_is_out = true, .was_used = true};
constexpr Vigil::Facts kIdleWithoutRunner{.heartbeat_is_out = true};
constexpr Vigil::Facts kBusyWithoutRunner{.heartbeat_is_out = true, .was_used = true};

// A vigil whose looks are punctual, and what its container answers.
struct Watched {
  explicit Watched(std::chrono::milliseconds blocked = 300s)
      : vigil({.stalled_after = 10s, .limit = 60s, .blocked = blocked}) {
    vigil.note_heartbeat(now);
  }

  void look(const Vigil::Facts& facts) {
    now += vigil.pause();
    const auto found = vigil.look(now, facts);
    pings += found.ping;
    answers += found.answer;
    stalls += found.stalls;
    if (found.ping && runner_lives) vigil.note_pong(now + 1ms);
    if (found.answer && client_lives) vigil.note_heartbeat(now + 1s);
    if (killed_because.empty()) killed_because = found.killed_because;
  }

  // Seconds until the container is killed; 0: it isn't within two hours.
  long killed_after(const Vigil::Facts& facts) {
    const auto begun = now;
    while (killed_because.empty() && now - begun < 2h) look(facts);
    return killed_because.empty() ? 0 : (now - begun) / 1s;
  }

  Vigil vigil;
  Vigil::Clock::time_point now{1000s};
  bool runner_lives = true, client_lives = true;
  int pings = 0, answers = 0, stalls = 0;
  std::string killed_because;
};

TEST(Vigil, AsksAnIdleContainerOnceInAMinuteAndABusyOneAtEachLook) {
  Watched idle, busy;
  for (int i = 0; i < 60; ++i) {
    idle.look(kIdle);
    busy.look(kBusy);
  }
  EXPECT_EQ(idle.pings, 10);
  EXPECT_EQ(busy.pings, 60);
  EXPECT_EQ(idle.answers + busy.answers, 0) << "nobody asks the client while the runner answers";
}

TEST(Vigil, LeavesAContainerAloneThatAnswers) {
  EXPECT_EQ(Watched().killed_after(kIdle), 0);
  EXPECT_EQ(Watched().killed_after(kBusy), 0);
  EXPECT_EQ(Watched().killed_after(kIdleWithoutRunner), 0);
  EXPECT_EQ(Watched().killed_after(kBusyWithoutRunner), 0);
}

TEST(Vigil, FindsAHungContainerWithRequestsWithinTheLimitAndAnIdleOneWithinTwice) {
  auto hung_after = [](const Vigil::Facts& facts) {
    Watched hung;
    hung.runner_lives = hung.client_lives = false;
    const long seconds = hung.killed_after(facts);
    EXPECT_EQ(hung.killed_because, "killed: it hangs (no heartbeat for 60 s)");
    return seconds;
  };
  EXPECT_EQ(hung_after(kBusy), 60);
  EXPECT_EQ(hung_after(kBusyWithoutRunner), 60);
  EXPECT_EQ(hung_after(kIdle), 100);
  EXPECT_EQ(hung_after(kIdleWithoutRunner), 90);
}

TEST(Vigil, FindsABlockedEventLoopAtTheSecondLookAfterARequest) {
  Watched blocked;
  for (int i = 0; i < 3; ++i) blocked.look(kIdle);
  blocked.runner_lives = false;
  blocked.look(kBusy);
  EXPECT_EQ(blocked.stalls, 0);
  blocked.look(kIdle);
  EXPECT_EQ(blocked.stalls, 1);
  blocked.look(kIdle);
  EXPECT_EQ(blocked.stalls, 1);
  EXPECT_TRUE(blocked.vigil.note_pong(blocked.now)) << "it goes on";
  EXPECT_FALSE(blocked.vigil.note_pong(blocked.now));
}

TEST(Vigil, LetsABlockedEventLoopLastAsLongAsARequestMayWhileTheClientAnswers) {
  Watched blocked(/*blocked=*/300s);
  blocked.runner_lives = false;
  EXPECT_EQ(blocked.killed_after(kBusy), 310) << "asked after 10 s";
  EXPECT_EQ(blocked.killed_because, "killed: its event loop was blocked for 300 s");
  EXPECT_GE(blocked.answers, 8);
}

TEST(Vigil, GivesAClientThatCannotBeAskedTheTimeOfItsOwnClock) {
  Watched hung;
  EXPECT_EQ(hung.killed_after({.was_used = true}), 660);
}

TEST(Vigil, DoesNotMissHeartbeatsOfWhoSendsNone) {
  Vigil vigil({.stalled_after = 10s, .limit = 60s, .blocked = 300s});
  for (Vigil::Clock::time_point now{1000s}; now < Vigil::Clock::time_point{5000s}; now += vigil.pause()) {
    EXPECT_EQ(vigil.look(now, kBusyWithoutRunner).killed_because, "");
  }
}

TEST(Vigil, AsksNoEventLoopIfItIsNotToBe) {
  Vigil vigil({.stalled_after = 0s, .limit = 60s, .blocked = 300s});
  vigil.note_heartbeat(Vigil::Clock::time_point{1000s});
  EXPECT_EQ(vigil.pause(), 30s);
  const auto found = vigil.look(Vigil::Clock::time_point{1030s}, kBusy);
  EXPECT_FALSE(found.ping);
  EXPECT_TRUE(found.answer) << "the client is asked instead";
}

}  // namespace
}  // namespace bimodal::runtime

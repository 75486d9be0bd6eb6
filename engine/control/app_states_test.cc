#include "control/app_states.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

using store::AppState;

store::App app_in(AppState state) {
  store::App app;
  app.state = state;
  if (state == AppState::Stopping || state == AppState::Stopped) app.stopped_at = 1;
  return app;
}

TEST(AppStates, APublishLeadsWhereItsTableSays) {
  struct Case {
    AppState from;
    int asked;
    std::optional<AppState> to;
  };
  const Case cases[] = {
      {AppState::Initializing, 3, AppState::Deployed},
      {AppState::Initializing, 1, AppState::Ephemeral},
      {AppState::Initializing, 2, AppState::Detached},
      {AppState::Initializing, 0, std::nullopt},
      {AppState::Ephemeral, 0, AppState::Ephemeral},
      {AppState::Ephemeral, 1, AppState::Ephemeral},
      {AppState::Ephemeral, 3, std::nullopt},
      {AppState::Detached, 0, AppState::Detached},
      {AppState::DetachedDisconnected, 0, AppState::DetachedDisconnected},
      {AppState::Deployed, 3, AppState::Deployed},
      {AppState::Deployed, 0, AppState::Deployed},
      {AppState::Deployed, 1, std::nullopt},
      {AppState::Deployed, 5, std::nullopt},
      {AppState::Stopping, 3, std::nullopt},
      {AppState::Stopped, 0, std::nullopt},
  };
  for (const Case& c : cases) {
    const auto to = state_after_publish(app_in(c.from), c.asked);
    EXPECT_EQ(to ? std::optional(*to) : std::nullopt, c.to)
        << "from " << static_cast<int>(c.from) << " asked " << c.asked;
  }
}

TEST(AppStates, ADisconnectStopsOnlyWhatBelongsToTheClient) {
  EXPECT_EQ(state_after_disconnect(AppState::Ephemeral), AppState::Stopping);
  EXPECT_EQ(state_after_disconnect(AppState::Initializing), AppState::Stopping);
  EXPECT_EQ(state_after_disconnect(AppState::Detached), AppState::DetachedDisconnected);
  EXPECT_EQ(state_after_disconnect(AppState::Deployed), std::nullopt);
  EXPECT_EQ(state_after_disconnect(AppState::Stopped), std::nullopt);
}

TEST(AppStates, ADetachedAppThatLostItsClientLivesByItsCalls) {
  EXPECT_TRUE(lives_by_heartbeats(AppState::Detached));
  EXPECT_FALSE(lives_by_calls(AppState::Detached));
  EXPECT_FALSE(lives_by_heartbeats(AppState::DetachedDisconnected));
  EXPECT_TRUE(lives_by_calls(AppState::DetachedDisconnected));
  EXPECT_FALSE(lives_by_calls(AppState::Deployed));
}

TEST(AppStates, AnAppBeginsEphemeralDetachedOrInitializing) {
  EXPECT_EQ(*state_at_creation(0), AppState::Ephemeral);
  EXPECT_EQ(*state_at_creation(6), AppState::Initializing);
  EXPECT_EQ(*state_at_creation(2), AppState::Detached);
  for (const int refused : {3, 4, 5, 7, 8, 99}) EXPECT_FALSE(state_at_creation(refused)) << refused;
}

TEST(AppStates, AStoppedAppStaysWhatItWas) {
  auto app = app_in(AppState::Ephemeral);
  EXPECT_TRUE(is_ephemeral(app));
  app.state = AppState::Stopped;
  EXPECT_TRUE(is_ephemeral(app));
  app.name = "web";
  EXPECT_FALSE(is_ephemeral(app));
  EXPECT_FALSE(is_ephemeral(app_in(AppState::Initializing)));
}

}  // namespace
}  // namespace bimodal::control

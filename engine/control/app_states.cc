#include "control/app_states.h"

namespace bimodal::control {

using store::AppState;

Result<AppState> state_at_creation(int asked) {
  const auto state = static_cast<AppState>(asked);
  if (asked == 0) return AppState::Ephemeral;
  if (state == AppState::Ephemeral || state == AppState::Detached || state == AppState::Initializing) return state;
  return error(Code::InvalidArgument, "app_state {} isn't one that an app can begin in", asked);
}

Result<AppState> state_after_publish(const store::App& app, int asked) {
  if (app.stopped()) {
    return error(
        Code::FailedPrecondition, "App {} ({}) is stopped; deploy or serve it anew", app.shown_name(), app.app_id);
  }
  const auto state = static_cast<AppState>(asked);
  if (asked == 0 && app.state != AppState::Initializing) return app.state;
  if (state != AppState::Ephemeral && state != AppState::Detached && state != AppState::Deployed) {
    return error(Code::InvalidArgument, "app_state {} isn't one that an app can be published in", asked);
  }
  if (app.state == state || app.state == AppState::Initializing) return state;
  return error(
      Code::FailedPrecondition, "App {} ({}) can't change between deployed, detached and ephemeral", app.shown_name(),
      app.app_id);
}

std::optional<AppState> state_after_disconnect(AppState state) {
  switch (state) {
    case AppState::Ephemeral:
    case AppState::Initializing:
      return AppState::Stopping;
    case AppState::Detached:
      return AppState::DetachedDisconnected;
    case AppState::Deployed:
    case AppState::DetachedDisconnected:
    case AppState::Stopping:
    case AppState::Stopped:
      return std::nullopt;
  }
  return std::nullopt;
}

bool lives_by_heartbeats(AppState state) {
  return state == AppState::Ephemeral || state == AppState::Detached || state == AppState::Initializing;
}

bool lives_by_calls(AppState state) {
  return state == AppState::DetachedDisconnected;
}

bool is_ephemeral(const store::App& app) {
  switch (app.state) {
    case AppState::Ephemeral:
    case AppState::Detached:
    case AppState::DetachedDisconnected:
      return true;
    case AppState::Initializing:
    case AppState::Deployed:
      return false;
    case AppState::Stopping:
    case AppState::Stopped:
      return app.name.empty();  // only a deployment gives a name
  }
  return false;
}

}  // namespace bimodal::control

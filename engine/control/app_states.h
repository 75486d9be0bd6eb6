// The states of an app and what moves it from one to another (protocol §3.2, §4). Pure functions.
#pragma once

#include <optional>

#include "base/result.h"
#include "store/app_table.h"

namespace bimodal::control {

// InvalidArgument unless an app may begin in it: ephemeral, detached or initializing.
Result<store::AppState> state_at_creation(int asked);

// The state after a publish of `app` that asks for `asked` (0 keeps it). FailedPrecondition when the app is stopped or
// may not get there, InvalidArgument when `asked` isn't a state that can be published.
Result<store::AppState> state_after_publish(const store::App& app, int asked);

// What the end of its client does to it: nullopt leaves it alone, Stopping stops it.
std::optional<store::AppState> state_after_disconnect(store::AppState state);

// Whether it ends when its client's heartbeats do.
bool lives_by_heartbeats(store::AppState state);

// Whether it ends when its calls have: its client is gone, but it was to run on.
bool lives_by_calls(store::AppState state);

// Whether it belongs to one run of a client, so that its hosts carry the dev suffix. Stays the same when it is stopped.
bool is_ephemeral(const store::App& app);

}  // namespace bimodal::control

// Publishes and stops apps: database, scheduler and gateway change together here, one change at a time. Loop-bound.
#pragma once

#include <string>
#include <vector>

#include "async/scope.h"
#include "calls/calls.h"
#include "control/api.h"
#include "control/context.h"
#include "control/publication.h"
#include "control/registry.h"
#include "control/turn.h"
#include "control/version_changes.h"

namespace bimodal::control {

class Publisher {
 public:
  Publisher(Context& context, Registry& registry, calls::Calls& calls);

  // The app as it is served from now on.
  Task<Result<PublishedApp>> publish(api::AppPublishRequest request, std::string client_version);

  // A rollback, rollover or promotion (version_changes.h). The app as it is served from now on.
  Task<Result<PublishedApp>> change(VersionChange change);

  // Completes when the app serves nothing any more. In the background its unfinished calls are cancelled and its
  // containers go; its state turns from Stopping to Stopped when the last is gone. Nothing happens to one that is
  // stopped. NotFound names the id.
  Task<Result<void>> stop(std::string app_id);

  // Publishes every app that the database has as running, after a start of the daemon.
  Task<Result<void>> recover();

  // Takes over new names and hosts of the environment's apps after it was renamed.
  Task<Result<void>> refresh(std::string environment_id);

  // Drops stopped apps whose rows were deleted.
  void forget(const std::vector<std::string>& app_ids);

  Task<void> close();

 private:
  Task<void> finish_stop(std::string app_id);
  // `reserve`: of which containers are kept in reserve from now on.
  void serve(PublishedApp app, std::vector<model::FunctionVersionPtr> reserve);
  void serve_anew(const PublishedApp& app);
  void announce_routes();

  Context& context_;
  Registry& registry_;
  calls::Calls& calls_;
  Turn turn_;
  Scope stopping_;
};

}  // namespace bimodal::control

// New versions of a deployed app that come from its history, not from a publish: rollback, rollover, promotion. On the
// pool, within a transaction.
#pragma once

#include <string>

#include "control/context.h"
#include "control/registry.h"
#include "store/deployment_table.h"

namespace bimodal::control {

struct VersionChange {
  static constexpr int kPrevious = -1;

  std::string app_id;
  store::DeploymentKind kind = store::DeploymentKind::Rollback;  // or Rollover, or Promotion
  int version =
      kPrevious;  // what to go back to, or what to promote; kPrevious: the one served before. Not of a Rollover
  std::string client_version;
};

// Writes the new version and gives what to serve. FailedPrecondition when the app isn't deployed, NotFound when it has
// no such version any more, InvalidArgument when that version is no target of such a change, AlreadyExists when one of
// its hosts belongs to another app meanwhile.
Result<PublishedApp> write_change(
    store::Transaction& transaction, const Settings& settings, const VersionChange& change, const TakenHosts& taken,
    double now);

}  // namespace bimodal::control

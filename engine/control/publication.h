// AppPublish's part that happens in the database: from staged definitions to the next version of the app. On the pool.
#pragma once

#include <string>
#include <vector>

#include "control/api.h"
#include "control/context.h"
#include "control/registry.h"
#include "store/app_table.h"
#include "store/deployment_table.h"

namespace bimodal::control {

// Writes `layout` as the next version of `app`, and gives what to serve: that version, or what was served before when
// `record` is of a staged one. `record` needs its kind, origin, tag and commit only. AlreadyExists as below.
Result<PublishedApp> write_version(
    store::Transaction& transaction, const Settings& settings, store::App app, store::Deployment record,
    const std::vector<store::LayoutEntry>& layout, const TakenHosts& taken, double now);

// Writes the version and gives what to serve. InvalidArgument when an id isn't the app's, FailedPrecondition when the
// app is stopped, AlreadyExists when its name, or the host of one of its functions, belongs to another deployed app.
Result<PublishedApp> write_publication(
    store::Transaction& transaction, const Settings& settings, const api::AppPublishRequest& request,
    const std::string& client_version, const TakenHosts& taken, double now);

// AlreadyExists when a host of `app` is another deployed app's, InvalidArgument when two of its own functions share
// one.
Result<void> check_hosts(const PublishedApp& app, const TakenHosts& taken);

}  // namespace bimodal::control

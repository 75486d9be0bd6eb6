// AppGetLogs, AppFetchLogs, AppCountLogs (protocol §3.3): what an app's containers said. Loop-bound.
#pragma once

#include <memory>
#include <string>

#include "async/scope.h"
#include "control/api.h"
#include "control/context.h"
#include "control/log_pulses.h"
#include "control/registry.h"
#include "rpc/service.h"
#include "store/app_table.h"
#include "store/logs.h"

namespace bimodal::control {

class AppLogs {
 public:
  AppLogs(Context& context, Registry& registry, rpc::Service& service);
  ~AppLogs();

  // Must finish before destruction.
  Task<void> close();

 private:
  struct Follower;
  using LogsWriter = rpc::Writer<api::TaskLogsBatch>;

  // Holds the stream until its timeout, and ends it with app_done once the app is stopped and everything was sent.
  Task<Result<void>> get(rpc::Call call, api::AppGetLogsRequest request, LogsWriter writer);
  Task<Result<api::AppFetchLogsResponse>> fetch(rpc::Call call, api::AppFetchLogsRequest request);
  Task<Result<api::AppCountLogsResponse>> count(rpc::Call call, api::AppCountLogsRequest request);

  Task<Result<void>> follow(Follower& follower, LogsWriter& writer);
  Task<bool> send_new(Follower& follower, LogsWriter& writer);
  Task<Result<std::string>> app_of(std::string app_id, std::string task_id) const;
  Task<Result<store::App>> load_app(std::string app_id) const;
  Task<void> watch_apps();

  Context& context_;
  Registry& registry_;
  std::shared_ptr<LogPulses> pulses_;
  Scope scope_;
};

}  // namespace bimodal::control

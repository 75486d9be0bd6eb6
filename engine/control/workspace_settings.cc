#include "control/workspace_settings.h"

#include "control/environments.h"
#include "store/environment_table.h"

namespace bimodal::control {

using store::EnvironmentTable;
using store::Transaction;

WorkspaceSettings::WorkspaceSettings(Context& context, rpc::Service& service) : context_(context) {
  service.query("WorkspaceSettings", this, &WorkspaceSettings::list);
  service.mutation("WorkspaceSetDefaultEnvironment", this, &WorkspaceSettings::set_default_environment);
  service.mutation("WorkspaceSetImageBuilderVersion", this, &WorkspaceSettings::set_image_builder_version);
}

Task<Result<api::WorkspaceSettingsResponse>> WorkspaceSettings::list(rpc::Call call, rpc::Empty request) {
  auto work = [](Transaction& transaction) { return EnvironmentTable(transaction).resolve(""); };
  CO_TRY(const auto environment, co_await context_.transact(std::move(work)));
  api::WorkspaceSettingsResponse response;
  response.set_default_environment_name(environment.name);
  response.set_image_builder_version(kImageBuilderVersion);
  co_return response;
}

Task<Result<rpc::Empty>> WorkspaceSettings::set_default_environment(
    rpc::Call call, api::WorkspaceSetDefaultEnvironmentRequest request) {
  auto work = [name = request.environment_name()](Transaction& transaction) -> Result<void> {
    if (name.empty()) return error(Code::InvalidArgument, "name the environment that is to be the default one");
    TRY(const auto environment, EnvironmentTable(transaction).resolve(name));
    return EnvironmentTable(transaction).make_default(environment.environment_id);
  };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return rpc::Empty();
}

Task<Result<api::WorkspaceSetImageBuilderVersionResponse>> WorkspaceSettings::set_image_builder_version(
    rpc::Call call, api::WorkspaceSetImageBuilderVersionRequest request) {
  if (request.new_image_builder_version() != kImageBuilderVersion) {
    co_return error(
        Code::InvalidArgument, "image builder version '{}' is not supported by this server, only {}",
        request.new_image_builder_version(), kImageBuilderVersion);
  }
  api::WorkspaceSetImageBuilderVersionResponse response;
  response.set_image_builder_version(kImageBuilderVersion);
  co_return response;
}

}  // namespace bimodal::control

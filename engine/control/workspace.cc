#include "control/workspace.h"

#include "base/ids.h"
#include "control/clock.h"
#include "control/environments.h"
#include "control/urls.h"
#include "control/web_token.h"
#include "store/api_token_table.h"

namespace bimodal::control {
namespace {

constexpr std::int64_t kTokenLifeSeconds = 20 * 60;

}  // namespace

Workspace::Workspace(Context& context, rpc::Service& service) : context_(context), signing_key_(random_text(43)) {
  service.query("ClientHello", this, &Workspace::hello);
  service.query("AuthTokenGet", this, &Workspace::auth_token);
  service.query("WorkspaceNameLookup", this, &Workspace::name);
  service.query("WorkspaceDashboardUrlGet", this, &Workspace::dashboard);
  service.query("TokenInfoGet", this, &Workspace::token_info);
}

Task<Result<api::ClientHelloResponse>> Workspace::hello(rpc::Call call, Empty request) {
  api::ClientHelloResponse response;
  response.set_image_builder_version(kImageBuilderVersion);
  co_return response;
}

Task<Result<api::AuthTokenGetResponse>> Workspace::auth_token(rpc::Call call, api::AuthTokenGetRequest request) {
  const auto now = static_cast<std::int64_t>(unix_now());
  const std::string& subject =
      call.caller.kind == rpc::Caller::Kind::Container ? call.caller.task_id : call.caller.token_id;
  api::AuthTokenGetResponse response;
  response.set_token(web_token(signing_key_, subject, now, now + kTokenLifeSeconds));
  co_return response;
}

Task<Result<api::WorkspaceNameLookupResponse>> Workspace::name(rpc::Call call, Empty request) {
  api::WorkspaceNameLookupResponse response;
  response.set_workspace_name(context_.settings.workspace);
  response.set_username(context_.settings.workspace);
  co_return response;
}

Task<Result<api::WorkspaceDashboardUrlResponse>> Workspace::dashboard(
    rpc::Call call, api::WorkspaceDashboardUrlRequest request) {
  api::WorkspaceDashboardUrlResponse response;
  response.set_url(front_url(context_.settings));
  co_return response;
}

Task<Result<api::TokenInfoGetResponse>> Workspace::token_info(rpc::Call call, api::TokenInfoGetRequest request) {
  auto work = [](store::Transaction& transaction) { return store::ApiTokenTable(transaction).list(); };
  CO_TRY(const auto rows, co_await context_.transact(std::move(work)));
  api::TokenInfoGetResponse response;
  response.set_token_id(call.caller.token_id);
  for (const store::ApiTokenRow& row : rows) {
    if (row.token_id != call.caller.token_id) continue;
    response.set_token_name(row.name);
    response.mutable_created_at()->set_seconds(row.created_at);
    if (row.expires_at != 0) response.mutable_expires_at()->set_seconds(row.expires_at);
  }
  response.set_workspace_id(content_id("ws", context_.settings.workspace));
  response.set_workspace_name(context_.settings.workspace);
  response.mutable_user_identity()->set_user_id(content_id("us", context_.settings.workspace));
  response.mutable_user_identity()->set_username(context_.settings.workspace);
  co_return response;
}

}  // namespace bimodal::control

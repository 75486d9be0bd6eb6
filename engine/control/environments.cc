#include "control/environments.h"

#include <algorithm>

#include "base/ids.h"
#include "control/app_records.h"
#include "control/clock.h"
#include "control/web_name.h"
#include "rpc/fields.h"
#include "store/environment_table.h"

namespace bimodal::control {
namespace {

using store::Environment;
using store::EnvironmentTable;
using store::Transaction;

constexpr std::size_t kMaxName = 64;

Result<void> check_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  if (!name.empty() && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), allowed)) return {};
  return error(
      Code::InvalidArgument, "'{}' can't be an environment's name: use at most {} of A-Z, a-z, 0-9, '.', '-', '_'",
      name, kMaxName);
}

Result<void> check_suffix(const std::string& suffix) {
  if (suffix == folded(suffix)) return {};
  return error(Code::InvalidArgument, "'{}' can't be a web suffix: use a-z, 0-9 and single '-' in between", suffix);
}

Result<Environment> insert(Transaction& transaction, const std::string& name, const std::string& web_suffix) {
  TRY_VOID(check_name(name));
  TRY_VOID(check_suffix(web_suffix));
  const Environment environment{new_id("en"), name, web_suffix, false, unix_now()};
  TRY_VOID(EnvironmentTable(transaction).insert(environment));
  return environment;
}

Result<Environment> find_or_insert(Transaction& transaction, const api::EnvironmentGetOrCreateRequest& request) {
  EnvironmentTable environments(transaction);
  const std::string& name = request.deployment_name();
  TRY(auto standing, environments.find(name));
  const auto how = request.object_creation_type();
  if (standing && how == api::OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS) {
    return error(Code::AlreadyExists, "Environment '{}' exists", name);
  }
  if (standing) return *std::move(standing);
  if (how == api::OBJECT_CREATION_TYPE_UNSPECIFIED) return environments.resolve(name);
  return insert(transaction, name, folded(name));
}

api::EnvironmentListItem item_of(const Environment& environment) {
  api::EnvironmentListItem out;
  out.set_environment_id(environment.environment_id);
  out.set_name(environment.name);
  out.set_webhook_suffix(environment.web_suffix);
  out.set_created_at(environment.created_at);
  out.set_default_(environment.is_default);
  return out;
}

// An environment goes only when nothing in it runs, so that a slip of the hand takes no service down.
Result<std::vector<std::string>> remove_environment(Transaction& transaction, const std::string& name) {
  EnvironmentTable environments(transaction);
  TRY(auto environment, environments.resolve(name));
  if (environment.is_default) {
    return error(
        Code::FailedPrecondition, "Environment '{}' is the default one and can't be deleted", environment.name);
  }
  TRY(auto apps, store::AppTable(transaction).list(environment.environment_id, -1));
  std::vector<std::string> ids;
  for (const auto& app : apps) {
    if (!app.stopped()) {
      return error(
          Code::FailedPrecondition, "App '{}' runs in environment '{}'; stop it first (`bimodal app stop {}`)",
          app.shown_name(), environment.name, app.app_id);
    }
    ids.push_back(app.app_id);
  }
  TRY_VOID(environments.remove(environment.environment_id));
  return ids;
}

Result<Environment> change(Transaction& transaction, const api::EnvironmentUpdateRequest& request) {
  EnvironmentTable environments(transaction);
  TRY(auto environment, environments.resolve(request.current_name()));
  if (request.has_name()) environment.name = request.name().value();
  if (request.has_web_suffix()) environment.web_suffix = request.web_suffix().value();
  TRY_VOID(check_name(environment.name));
  TRY_VOID(check_suffix(environment.web_suffix));
  TRY_VOID(environments.update(environment));
  return environment;
}

}  // namespace

Environments::Environments(Context& context, Publisher& publisher, rpc::Service& service)
    : context_(context), publisher_(publisher) {
  service.mutation("EnvironmentGetOrCreate", this, &Environments::get_or_create);
  service.mutation("EnvironmentCreate", this, &Environments::create);
  service.mutation("EnvironmentDelete", this, &Environments::remove);
  service.query("EnvironmentList", this, &Environments::list);
  service.mutation("EnvironmentUpdate", this, &Environments::update);
}

Task<Result<api::EnvironmentGetOrCreateResponse>> Environments::get_or_create(
    rpc::Call call, api::EnvironmentGetOrCreateRequest request) {
  auto work = [request = std::move(request)](Transaction& transaction) { return find_or_insert(transaction, request); };
  CO_TRY(auto environment, co_await context_.transact(std::move(work)));
  api::EnvironmentGetOrCreateResponse response;
  response.set_environment_id(environment.environment_id);
  auto* metadata = response.mutable_metadata();
  metadata->set_name(environment.name);
  metadata->mutable_settings()->set_image_builder_version(kImageBuilderVersion);
  metadata->mutable_settings()->set_webhook_suffix(environment.web_suffix);
  co_return response;
}

Task<Result<rpc::Empty>> Environments::create(rpc::Call call, api::EnvironmentCreateRequest request) {
  CO_TRY_VOID(rpc::refuse_unknown_fields("EnvironmentCreate", request));
  CO_TRY_VOID(rpc::refuse_fields(
      "environment '" + request.name() + "'", request,
      {{"is_managed", "--restricted"},
       {"default_member_role", ""},
       {"default_member_role_str", "--default-role"},
       {"environment_type", ""},
       {"settings", ""}}));
  auto work = [name = request.name()](Transaction& transaction) { return insert(transaction, name, folded(name)); };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

Task<Result<rpc::Empty>> Environments::remove(rpc::Call call, api::EnvironmentDeleteRequest request) {
  auto work = [name = request.name()](Transaction& transaction) { return remove_environment(transaction, name); };
  CO_TRY(auto removed, co_await context_.transact(std::move(work)));
  publisher_.forget(removed);
  co_return Empty();
}

Task<Result<api::EnvironmentListResponse>> Environments::list(rpc::Call call, Empty request) {
  auto work = [](Transaction& transaction) { return EnvironmentTable(transaction).list(); };
  CO_TRY(auto environments, co_await context_.transact(std::move(work)));
  api::EnvironmentListResponse response;
  for (const auto& environment : environments) *response.add_items() = item_of(environment);
  co_return response;
}

Task<Result<api::EnvironmentListItem>> Environments::update(rpc::Call call, api::EnvironmentUpdateRequest request) {
  CO_TRY_VOID(rpc::refuse_unknown_fields("EnvironmentUpdate", request));
  CO_TRY_VOID(rpc::refuse_fields(
      "environment '" + request.current_name() + "'", request,
      {{"max_concurrent_tasks", ""}, {"max_concurrent_gpus", ""}, {"block_unauthenticated_resources", ""}}));
  if (request.has_image_builder_version() && request.image_builder_version() != kImageBuilderVersion) {
    co_return error(
        Code::InvalidArgument, "image builder version '{}' is not supported by this server, only {}",
        request.image_builder_version(), kImageBuilderVersion);
  }
  auto work = [request = std::move(request)](Transaction& transaction) { return change(transaction, request); };
  CO_TRY(auto environment, co_await context_.transact(std::move(work)));
  CO_TRY_VOID(co_await publisher_.refresh(environment.environment_id));
  co_return item_of(environment);
}

}  // namespace bimodal::control

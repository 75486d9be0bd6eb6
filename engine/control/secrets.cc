#include "control/secrets.h"

#include <algorithm>
#include <limits>

#include "base/ids.h"
#include "control/app_records.h"
#include "control/clock.h"
#include "rpc/fields.h"
#include "store/environment_table.h"
#include "store/secret_table.h"

namespace bimodal::control {
namespace {

using store::Environment;
using store::EnvironmentTable;
using store::Secret;
using store::SecretBox;
using store::SecretTable;
using store::Transaction;
using store::Variables;

constexpr int kPage = 100;

Variables variables_of(const api::SecretGetOrCreateRequest& request) {
  return {request.env_dict().begin(), request.env_dict().end()};
}

Result<Secret> insert(
    SecretTable& secrets, const Environment& environment, const std::string& name, const std::string& app_id,
    const Variables& variables) {
  Secret secret;
  secret.secret_id = new_id("st");
  secret.environment_id = environment.environment_id;
  secret.name = name;
  secret.app_id = app_id;
  secret.created_at = unix_now();
  return secrets.insert(std::move(secret), variables);
}

// One made in a script: the same variables in the same app give the same secret, so that a redeploy changes nothing.
Result<Secret> anonymous(
    Transaction& transaction, SecretTable& secrets, const Environment& environment,
    const api::SecretGetOrCreateRequest& request) {
  if (!request.app_id().empty()) TRY_VOID(require_running_app(transaction, request.app_id()));
  const Variables variables = variables_of(request);
  TRY(auto standing, secrets.find_anonymous(environment.environment_id, request.app_id(), variables));
  if (standing) return *std::move(standing);
  return insert(secrets, environment, "", request.app_id(), variables);
}

Result<void> check_keys(const Secret& secret, const api::SecretGetOrCreateRequest& request) {
  std::string missing;
  for (const auto& key : request.required_keys()) {
    if (std::find(secret.keys.begin(), secret.keys.end(), key) == secret.keys.end()) missing += " " + key;
  }
  if (missing.empty()) return {};
  // Not NotFound: the Go client would say that there is no such secret.
  return error(Code::InvalidArgument, "Secret '{}' has no key{}", secret.name, missing);
}

Result<Secret> existing(
    SecretTable& secrets, Secret secret, const Environment& environment, const api::SecretGetOrCreateRequest& request) {
  switch (request.object_creation_type()) {
    case api::OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS:
      return error(
          Code::AlreadyExists, "Secret '{}' exists in environment '{}'; --force replaces it", secret.name,
          environment.name);
    case api::OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS:
      TRY_VOID(secrets.replace(secret.secret_id, variables_of(request)));
      break;
    default:
      TRY_VOID(check_keys(secret, request));
  }
  return secret;
}

Result<Secret> get_or_insert(
    Transaction& transaction, const SecretBox& box, const api::SecretGetOrCreateRequest& request,
    std::string& environment_name) {
  TRY(auto environment, EnvironmentTable(transaction).resolve(request.environment_name()));
  environment_name = environment.name;
  SecretTable secrets(transaction, box);
  const auto how = request.object_creation_type();
  if (how == api::OBJECT_CREATION_TYPE_ANONYMOUS_OWNED_BY_APP || how == api::OBJECT_CREATION_TYPE_EPHEMERAL) {
    return anonymous(transaction, secrets, environment, request);
  }
  const std::string& name = request.deployment_name();
  if (name.empty()) return error(Code::InvalidArgument, "A secret needs a name");
  TRY(auto standing, secrets.find_named(environment.environment_id, name));
  if (standing) return existing(secrets, *std::move(standing), environment, request);
  if (how == api::OBJECT_CREATION_TYPE_UNSPECIFIED) {
    return error(
        Code::NotFound, "Secret '{}' not found in environment '{}'; `bimodal secret create {} KEY=value` makes it",
        name, environment.name, name);
  }
  return insert(secrets, environment, name, "", variables_of(request));
}

api::SecretMetadata metadata_of(const Secret& secret, const std::string& environment, const std::string& workspace) {
  api::SecretMetadata out;
  out.set_name(secret.name);
  out.mutable_creation_info()->set_created_at(secret.created_at);
  out.mutable_creation_info()->set_created_by(workspace);
  for (const auto& key : secret.keys) out.add_keys(key);
  out.set_environment_name(environment);
  out.set_last_used_at(secret.last_used_at);
  return out;
}

Result<api::SecretListResponse> read_page(
    Transaction& transaction, const Context& context, const api::SecretListRequest& request) {
  TRY(auto environment, EnvironmentTable(transaction).resolve(request.environment_name()));
  const auto& pagination = request.pagination();
  const double before =
      pagination.created_before() > 0 ? pagination.created_before() : std::numeric_limits<double>::max();
  const int limit = pagination.max_objects() > 0 ? std::min(pagination.max_objects(), kPage) : kPage;
  TRY(auto secrets, SecretTable(transaction, context.secret_box).list(environment.environment_id, before, limit));
  api::SecretListResponse response;
  response.set_environment_name(environment.name);
  for (const Secret& secret : secrets) {
    auto* item = response.add_items();
    item->set_label(secret.name);
    item->set_created_at(secret.created_at);
    item->set_last_used_at(secret.last_used_at);
    item->set_environment_name(environment.name);
    item->set_secret_id(secret.secret_id);
    *item->mutable_metadata() = metadata_of(secret, environment.name, context.settings.workspace);
  }
  return response;
}

tl::unexpected<Error> no_secret(const std::string& secret_id) {
  return error(Code::NotFound, "Secret {} not found", secret_id);
}

Result<api::SecretMetadata> read_metadata(
    Transaction& transaction, const Context& context, const std::string& secret_id) {
  TRY(auto secret, SecretTable(transaction, context.secret_box).find(secret_id));
  if (!secret) return no_secret(secret_id);
  TRY(auto environment, EnvironmentTable(transaction).get(secret->environment_id));
  return metadata_of(*secret, environment.name, context.settings.workspace);
}

Result<void> remove_secret(Transaction& transaction, const SecretBox& box, const std::string& secret_id) {
  SecretTable secrets(transaction, box);
  TRY(auto secret, secrets.find(secret_id));
  if (!secret) return no_secret(secret_id);
  return secrets.remove(secret_id);
}

Result<void> change_secret(Transaction& transaction, const SecretBox& box, const api::SecretUpdateRequest& request) {
  SecretTable secrets(transaction, box);
  TRY(auto variables, secrets.variables(request.secret_id()));
  for (const auto& update : request.updates()) {
    if (update.has_value()) {
      variables[update.key()] = update.value();
    } else {
      variables.erase(update.key());
    }
  }
  return secrets.replace(request.secret_id(), variables);
}

struct Found {
  Secret secret;
  std::string environment;
};

}  // namespace

Secrets::Secrets(Context& context, rpc::Service& service) : context_(context) {
  service.mutation("SecretGetOrCreate", this, &Secrets::get_or_create);
  service.query("SecretGetInfo", this, &Secrets::get_info);
  service.query("SecretList", this, &Secrets::list);
  service.mutation("SecretDelete", this, &Secrets::remove);
  service.mutation("SecretUpdate", this, &Secrets::update);
}

Task<Result<api::SecretGetOrCreateResponse>> Secrets::get_or_create(
    rpc::Call call, api::SecretGetOrCreateRequest request) {
  CO_TRY_VOID(rpc::refuse_unknown_fields("secret '" + request.deployment_name() + "'", request));
  auto work = [this, request = std::move(request)](Transaction& transaction) -> Result<Found> {
    Found found;
    TRY(found.secret, get_or_insert(transaction, context_.secret_box, request, found.environment));
    return found;
  };
  CO_TRY(auto found, co_await context_.transact(std::move(work)));
  api::SecretGetOrCreateResponse response;
  response.set_secret_id(found.secret.secret_id);
  *response.mutable_metadata() = metadata_of(found.secret, found.environment, context_.settings.workspace);
  co_return response;
}

Task<Result<api::SecretGetInfoResponse>> Secrets::get_info(rpc::Call, api::SecretGetInfoRequest request) {
  auto work = [this, id = request.secret_id()](Transaction& transaction) {
    return read_metadata(transaction, context_, id);
  };
  CO_TRY(auto metadata, co_await context_.transact(std::move(work)));
  api::SecretGetInfoResponse response;
  *response.mutable_metadata() = std::move(metadata);
  co_return response;
}

Task<Result<api::SecretListResponse>> Secrets::list(rpc::Call call, api::SecretListRequest request) {
  auto work = [this, request = std::move(request)](Transaction& transaction) {
    return read_page(transaction, context_, request);
  };
  co_return co_await context_.transact(std::move(work));
}

Task<Result<rpc::Empty>> Secrets::remove(rpc::Call call, api::SecretDeleteRequest request) {
  auto work = [this, id = request.secret_id()](Transaction& transaction) {
    return remove_secret(transaction, context_.secret_box, id);
  };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

Task<Result<rpc::Empty>> Secrets::update(rpc::Call call, api::SecretUpdateRequest request) {
  auto work = [this, request = std::move(request)](Transaction& transaction) {
    return change_secret(transaction, context_.secret_box, request);
  };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

}  // namespace bimodal::control

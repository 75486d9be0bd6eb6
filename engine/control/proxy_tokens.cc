#include "control/proxy_tokens.h"

#include <algorithm>

#include "base/ids.h"
#include "control/clock.h"
#include "store/environment_table.h"

namespace bimodal::control {
namespace {

using store::ProxyTokenRow;
using store::ProxyTokenTable;
using store::Transaction;

constexpr std::size_t kMostTokens = 1000;
constexpr std::size_t kLongestName = 64;
constexpr std::size_t kSecretLength = 43;  // of 62 characters: 256 bits

std::vector<model::ProxyToken> tokens_of(const std::vector<ProxyTokenRow>& rows) {
  std::vector<model::ProxyToken> tokens;
  for (const ProxyTokenRow& row : rows) tokens.push_back(row.token);
  return tokens;
}

// Code that runs in a container has no business with who may call it.
Result<void> check_caller(const rpc::Call& call) {
  if (call.caller.kind != rpc::Caller::Kind::Container) return {};
  return error(Code::PermissionDenied, "proxy tokens can't be seen or changed from inside a container");
}

Result<void> check_name(const std::string& name) {
  if (name.size() <= kLongestName) return {};
  return error(
      Code::InvalidArgument, "a proxy token's name has at most {} characters, not {}", kLongestName, name.size());
}

Result<void> insert(Transaction& transaction, const ProxyTokenRow& row) {
  TRY_VOID(check_name(row.name));
  TRY(const auto rows, ProxyTokenTable(transaction).list());
  if (rows.size() >= kMostTokens) {
    return error(
        Code::ResourceExhausted, "there are {} proxy tokens already; `modal workspace proxy-tokens delete` removes one",
        kMostTokens);
  }
  return ProxyTokenTable(transaction).insert(row);
}

Result<void> disallow_in(Transaction& transaction, const std::string& token_id, const std::string& environment_id) {
  TRY(const auto row, ProxyTokenTable(transaction).get(token_id));
  if (!row.token.scoped) {
    return error(
        Code::FailedPrecondition,
        "proxy token '{}' is good in every environment; first `modal workspace proxy-tokens allow` it where it is to "
        "stay so",
        token_id);
  }
  return ProxyTokenTable(transaction).disallow(token_id, environment_id);
}

}  // namespace

ProxyTokens::ProxyTokens(Context& context, rpc::Service& service) : context_(context), turn_(context.executor) {
  service.mutation("WebhookTokenCreate", this, &ProxyTokens::create);
  service.mutation("WebhookTokenUpdate", this, &ProxyTokens::update);
  service.mutation("WebhookTokenDelete", this, &ProxyTokens::remove);
  service.query("WebhookTokenList", this, &ProxyTokens::list);
  service.query("WebhookTokenListForEnvironment", this, &ProxyTokens::list_for_environment);
  service.mutation("WebhookTokenEnvironmentAdd", this, &ProxyTokens::allow);
  service.mutation("WebhookTokenEnvironmentRemove", this, &ProxyTokens::disallow);
  service.query("WebhookTokenEnvironmentList", this, &ProxyTokens::environments);
}

Task<Result<void>> ProxyTokens::recover() {
  const Turn::Guard guard = co_await turn_.take();
  co_return co_await publish();
}

Task<Result<void>> ProxyTokens::publish() {
  auto work = [](Transaction& transaction) { return ProxyTokenTable(transaction).list(); };
  CO_TRY(const auto rows, co_await context_.transact(std::move(work)));
  if (context_.on_proxy_tokens_changed) context_.on_proxy_tokens_changed(tokens_of(rows));
  co_return Result<void>();
}

template <typename F>
Task<Result<void>> ProxyTokens::apply(rpc::Call call, F change) {
  CO_TRY_VOID(check_caller(call));
  const Turn::Guard guard = co_await turn_.take();
  CO_TRY_VOID(co_await context_.transact(std::move(change)));
  co_return co_await publish();
}

api::WebhookToken ProxyTokens::shown(const ProxyTokenRow& row) const {
  api::WebhookToken token;
  token.set_token_id(row.token.token_id);
  token.set_created_at(row.created_at);
  token.set_scoped(row.token.scoped);
  token.set_name(row.name);
  token.mutable_created_by()->set_username(context_.settings.workspace);
  return token;
}

Task<Result<api::TokenCreateResponse>> ProxyTokens::create(rpc::Call call, api::WebhookTokenCreateRequest request) {
  const std::string secret = "ws-" + random_text(kSecretLength);
  ProxyTokenRow row;
  row.token = {new_id("wk"), sha256_hex(secret), request.scoped(), {}};
  row.name = request.name();
  row.created_at = unix_now();
  auto change = [row](Transaction& transaction) { return insert(transaction, row); };
  CO_TRY_VOID(co_await apply(std::move(call), std::move(change)));
  api::TokenCreateResponse response;
  response.set_token_id(row.token.token_id);
  response.set_token_secret(secret);
  co_return response;
}

Task<Result<api::WebhookToken>> ProxyTokens::update(rpc::Call call, api::WebhookTokenUpdateRequest request) {
  CO_TRY_VOID(check_caller(call));
  auto work = [request = std::move(request)](Transaction& transaction) -> Result<ProxyTokenRow> {
    TRY_VOID(check_name(request.name()));
    TRY(auto row, ProxyTokenTable(transaction).get(request.token_id()));
    if (!request.has_name()) return row;
    row.name = request.name();
    TRY_VOID(ProxyTokenTable(transaction).rename(request.token_id(), row.name));
    return row;
  };
  CO_TRY(const auto row, co_await context_.transact(std::move(work)));
  co_return shown(row);
}

Task<Result<rpc::Empty>> ProxyTokens::remove(rpc::Call call, api::TokenDeleteRequest request) {
  auto change = [token_id = request.token_id()](Transaction& transaction) -> Result<void> {
    TRY_VOID(ProxyTokenTable(transaction).get(token_id));
    return ProxyTokenTable(transaction).remove(token_id);
  };
  CO_TRY_VOID(co_await apply(std::move(call), std::move(change)));
  co_return Empty();
}

Task<Result<api::WebhookTokenListResponse>> ProxyTokens::list(rpc::Call call, Empty request) {
  CO_TRY_VOID(check_caller(call));
  auto work = [](Transaction& transaction) { return ProxyTokenTable(transaction).list(); };
  CO_TRY(const auto rows, co_await context_.transact(std::move(work)));
  api::WebhookTokenListResponse response;
  for (const auto& row : rows) *response.add_tokens() = shown(row);
  co_return response;
}

Task<Result<api::WebhookTokenListResponse>> ProxyTokens::list_for_environment(
    rpc::Call call, api::WebhookTokenListForEnvironmentRequest request) {
  CO_TRY_VOID(check_caller(call));
  auto work = [name = request.environment_name()](Transaction& transaction) -> Result<std::vector<ProxyTokenRow>> {
    TRY(const auto environment, store::EnvironmentTable(transaction).resolve(name));
    TRY(auto rows, ProxyTokenTable(transaction).list());
    std::erase_if(rows, [&](const ProxyTokenRow& row) {
      const auto& allowed = row.token.environment_ids;
      return row.token.scoped && std::find(allowed.begin(), allowed.end(), environment.environment_id) == allowed.end();
    });
    return rows;
  };
  CO_TRY(const auto rows, co_await context_.transact(std::move(work)));
  api::WebhookTokenListResponse response;
  for (const auto& row : rows) *response.add_tokens() = shown(row);
  co_return response;
}

Task<Result<rpc::Empty>> ProxyTokens::allow(rpc::Call call, api::WebhookTokenEnvironmentAddRequest request) {
  auto change = [request = std::move(request)](Transaction& transaction) -> Result<void> {
    TRY_VOID(ProxyTokenTable(transaction).get(request.token_id()));
    TRY_VOID(store::EnvironmentTable(transaction).get(request.environment_id()));
    return ProxyTokenTable(transaction).allow(request.token_id(), request.environment_id());
  };
  CO_TRY_VOID(co_await apply(std::move(call), std::move(change)));
  co_return Empty();
}

Task<Result<rpc::Empty>> ProxyTokens::disallow(rpc::Call call, api::WebhookTokenEnvironmentRemoveRequest request) {
  auto change = [request = std::move(request)](Transaction& transaction) {
    return disallow_in(transaction, request.token_id(), request.environment_id());
  };
  CO_TRY_VOID(co_await apply(std::move(call), std::move(change)));
  co_return Empty();
}

Task<Result<api::WebhookTokenEnvironmentListResponse>> ProxyTokens::environments(
    rpc::Call call, api::WebhookTokenEnvironmentListRequest request) {
  CO_TRY_VOID(check_caller(call));
  auto work = [token_id = request.token_id()](Transaction& transaction) {
    return ProxyTokenTable(transaction).get(token_id);
  };
  CO_TRY(const auto row, co_await context_.transact(std::move(work)));
  api::WebhookTokenEnvironmentListResponse response;
  response.mutable_environment_ids()->Add(row.token.environment_ids.begin(), row.token.environment_ids.end());
  co_return response;
}

}  // namespace bimodal::control

#include "control/api_tokens.h"

#include "async/deadline.h"
#include "base/ids.h"
#include "base/log.h"
#include "control/clock.h"
#include "rpc/call.h"
#include "rpc/tokens.h"

namespace bimodal::control {
namespace {

using store::ApiTokenRow;
using store::ApiTokenTable;
using store::Transaction;

constexpr std::size_t kSecretLength = 43;  // of 62 characters: 256 bits

Result<void> insert(Transaction& transaction, const ApiTokenRow& row) {
  TRY(const auto rows, ApiTokenTable(transaction).list());
  if (rows.size() >= ApiTokens::kMostTokens) {
    return error(
        Code::ResourceExhausted, "there are {} API tokens already; `bimodal token revoke` removes one",
        ApiTokens::kMostTokens);
  }
  return ApiTokenTable(transaction).insert(row);
}

std::int64_t now() {
  return static_cast<std::int64_t>(unix_now());
}

}  // namespace

ApiTokens::ApiTokens(Context& context, const RouterTokens& routers)
    : context_(context), routers_(routers), turn_(context.executor), scope_(context.executor, "API tokens") {}

Task<Result<void>> ApiTokens::recover() {
  const Turn::Guard guard = co_await turn_.take();
  auto work = [](Transaction& transaction) { return ApiTokenTable(transaction).remove_expired(now() - kKeepExpired); };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  CO_TRY_VOID(co_await publish());
  scope_.spawn(keep_uses_now_and_then());
  co_return Result<void>();
}

Task<void> ApiTokens::close() {
  co_await scope_.close();
  co_await keep_uses();
}

Task<Result<void>> ApiTokens::publish() {
  auto work = [](Transaction& transaction) { return ApiTokenTable(transaction).list(); };
  CO_TRY(const auto rows, co_await context_.transact(std::move(work)));
  std::vector<rpc::KnownToken> known;
  for (const ApiTokenRow& row : rows) known.push_back({row.token_id, row.secret_hash, row.expires_at});
  if (context_.tokens != nullptr) context_.tokens->publish(known);
  co_return Result<void>();
}

Task<Result<ApiTokens::Made>> ApiTokens::create(std::string name, std::int64_t lifetime) {
  if (name.size() > kLongestName) {
    co_return error(Code::InvalidArgument, "a token's name has at most {} bytes, not {}", kLongestName, name.size());
  }
  const std::string secret = "as-" + random_text(kSecretLength);
  ApiTokenRow row{new_id("ak"), sha256_hex(secret), std::move(name), now(), 0, 0};
  if (lifetime > 0) row.expires_at = row.created_at + lifetime;
  const Turn::Guard guard = co_await turn_.take();
  auto change = [row](Transaction& transaction) { return insert(transaction, row); };
  CO_TRY_VOID(co_await context_.transact(std::move(change)));
  CO_TRY_VOID(co_await publish());
  log::info("API: token {} is made", row.token_id);
  Made made{std::move(row), secret};
  co_return made;
}

Task<Result<std::vector<ApiTokenRow>>> ApiTokens::list() {
  co_await keep_uses();
  auto work = [](Transaction& transaction) { return ApiTokenTable(transaction).list(); };
  co_return co_await context_.transact(std::move(work));
}

Task<Result<void>> ApiTokens::revoke(std::string token_id) {
  const Turn::Guard guard = co_await turn_.take();
  auto change = [token_id](Transaction& transaction) { return ApiTokenTable(transaction).remove(token_id); };
  CO_TRY_VOID(co_await context_.transact(std::move(change)));
  CO_TRY_VOID(co_await publish());
  auto is_its = [this, &token_id](const rpc::Caller& caller) {
    return caller.token_id == token_id || routers_.is_of(caller.bearer, token_id);
  };
  if (context_.end_calls) context_.end_calls(is_its);
  log::info("API: token {} is revoked", token_id);
  co_return Result<void>();
}

Task<void> ApiTokens::keep_uses() {
  if (context_.tokens == nullptr) co_return;
  const auto uses = context_.tokens->take_uses();
  if (uses.empty()) co_return;
  auto work = [uses](Transaction& transaction) -> Result<void> {
    for (const auto& [token_id, at] : uses) TRY_VOID(ApiTokenTable(transaction).note_use(token_id, at));
    return {};
  };
  const auto kept = co_await context_.transact(std::move(work));
  const bool taken_over = !kept && kept.error().code == Code::Unavailable;  // see store/freeze.h
  if (!kept && !taken_over) log::warning("last uses of API tokens: {}", kept.error().message);
}

Task<void> ApiTokens::keep_uses_now_and_then() {
  while (true) {
    co_await sleep_until(Deadline::after(kUseInterval));
    co_await keep_uses();
  }
}

}  // namespace bimodal::control

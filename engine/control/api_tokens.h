// Tokens for clients of the API (ak-…), beside the home's own: made, listed and revoked by whoever owns the home
// (server/commands.h), never by an RPC. Loop-bound.
//
// Of a secret only its hash is kept. Every change reaches the API before the call returns; a revocation also ends what
// the token's clients have running. Expired tokens are forgotten after kKeepExpired.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "async/scope.h"
#include "control/context.h"
#include "control/router_tokens.h"
#include "control/turn.h"
#include "store/api_token_table.h"

namespace bimodal::control {

class ApiTokens {
 public:
  static constexpr std::size_t kMostTokens = 1000;
  static constexpr std::size_t kLongestName = 64;
  static constexpr std::chrono::seconds kUseInterval{30};  // in which last uses reach the database
  static constexpr std::int64_t kKeepExpired = 30 * 24 * 3600;

  ApiTokens(Context& context, const RouterTokens& routers);

  // Tells the API those that there are. Once, at the start.
  Task<Result<void>> recover();
  Task<void> close();

  struct Made {
    store::ApiTokenRow row;
    std::string secret;  // as-…; nobody can be told again
  };
  // `lifetime` in seconds; 0: it doesn't expire. InvalidArgument, ResourceExhausted.
  Task<Result<Made>> create(std::string name, std::int64_t lifetime);
  Task<Result<std::vector<store::ApiTokenRow>>> list();
  // NotFound.
  Task<Result<void>> revoke(std::string token_id);

 private:
  Task<Result<void>> publish();
  Task<void> keep_uses();
  Task<void> keep_uses_now_and_then();

  Context& context_;
  const RouterTokens& routers_;
  Turn turn_;
  Scope scope_;
};

}  // namespace bimodal::control

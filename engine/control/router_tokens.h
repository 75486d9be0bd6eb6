// Tokens for the command router (protocol §10.11): each is good for one container, for 20 minutes, and no longer than
// the API token of the client who got it. Those of an earlier daemon are good for nothing. Loop-bound.
#pragma once

#include <string>

#include "base/ids.h"
#include "control/api.h"
#include "control/context.h"
#include "rpc/call.h"

namespace bimodal::control {

class RouterTokens {
 public:
  explicit RouterTokens(const Context& context) : context_(context), key_(random_text(43)) {}

  // For a client; PermissionDenied for a container.
  Result<api::CommandRouterAccess> issue(const rpc::Call& call, const std::string& task_id) const;

  // Whether `bearer` is a good token that was given to a client of that API token.
  bool is_of(const std::string& bearer, const std::string& token_id) const;

  // Unauthenticated without a good token or once the API token that it was given for isn't good any more,
  // PermissionDenied with one for another container.
  Result<void> check(const rpc::Call& call, const std::string& task_id) const;

 private:
  const Context& context_;
  const std::string key_;
};

}  // namespace bimodal::control

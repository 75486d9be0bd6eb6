// From a call's peer and metadata to its Caller. Thread-safe.
#pragma once

#include <string>

#include "base/result.h"
#include "rpc/call.h"
#include "rpc/connections.h"

namespace grpc {
class ServerContextBase;
}

namespace bimodal::rpc {

// What clients show in x-modal-token-id and x-modal-token-secret.
struct Token {
  std::string id;
  std::string secret;
};

enum class Credentials { Token, Bearer };  // what an RPC's callers show

// Unauthenticated when the token is missing or wrong, except for the RPCs that come without one (protocol §1.3).
// A container is known by its connection alone. Where a bearer is shown, it is for the handler to check.
Result<Caller> identify(
    const grpc::ServerContextBase& context, const std::string& rpc, Credentials credentials, const Token& token,
    const Connections& connections);

}  // namespace bimodal::rpc

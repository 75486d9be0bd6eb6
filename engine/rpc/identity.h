// From a call's peer and metadata to its Caller. Thread-safe.
#pragma once

#include <string>

#include "base/result.h"
#include "rpc/call.h"
#include "rpc/connections.h"
#include "rpc/guesses.h"
#include "rpc/tokens.h"

namespace grpc {
class ServerContextBase;
}

namespace bimodal::rpc {

enum class Credentials { Token, Bearer };  // what an RPC's callers show

// Unauthenticated when the token is missing or wrong, except for the RPCs that come without one (protocol §1.3);
// ResourceExhausted from an address that has failed too often. Failures are logged, with the token's id.
// A container is known by its connection alone. Where a bearer is shown, it is for the handler to check.
Result<Caller> identify(
    const grpc::ServerContextBase& context, const std::string& rpc, Credentials credentials, const Tokens& tokens,
    const Connections& connections, Guesses& guesses);

// A handler has refused what that caller showed.
void note_refused(const Call& call, Guesses& guesses);

}  // namespace bimodal::rpc

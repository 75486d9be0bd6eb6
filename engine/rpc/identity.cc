#include "rpc/identity.h"

#include <grpcpp/server_context.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <map>
#include <string_view>

#include "base/log.h"

namespace bimodal::rpc {
namespace {

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

constexpr std::array<std::string_view, 3> kWithoutToken = {"ClientHello", "TokenFlowCreate", "TokenFlowWait"};

std::string_view value_of(const Metadata& metadata, std::string_view name) {
  auto found = metadata.find(grpc::string_ref(name.data(), name.size()));
  if (found == metadata.end()) return {};
  return {found->second.data(), found->second.size()};
}

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// Comes from anybody, and goes into the log.
std::string printable(std::string_view id) {
  constexpr std::size_t kLongest = 64;
  std::string text(id.substr(0, kLongest));
  std::erase_if(text, [](unsigned char c) { return !std::isalnum(c) && c != '-'; });
  return text.empty() ? "(none)" : text;
}

void note_failure(const Caller& caller, const std::string& rpc, std::string_view what, Guesses& guesses) {
  if (!guesses.note(caller.address, Guesses::Time::clock::now())) return;
  log::warning("API: {} from {} refused: {}", printable(rpc), caller.address, what);
}

tl::unexpected<Error> too_many_failures(const std::string& address) {
  return error(
      Code::ResourceExhausted, "too many calls from {} without a good token: wait {} s", address,
      Guesses::kPause.count());
}

// A client's, by the token that it shows.
Result<Caller> identify_client(
    Caller caller, const Metadata& metadata, const std::string& rpc, const Tokens& tokens, Guesses& guesses) {
  const std::string_view id = value_of(metadata, "x-modal-token-id");
  if (id.empty()) {
    const bool needs_none = std::find(kWithoutToken.begin(), kWithoutToken.end(), rpc) != kWithoutToken.end();
    if (needs_none) return caller;
    note_failure(caller, rpc, "no token", guesses);
    return error(
        Code::Unauthenticated,
        "{} needs a token of this server: `bimodal env` prints the host's own, `bimodal token new` "
        "makes one",
        rpc);
  }
  if (guesses.are_used_up(caller.address, Guesses::Time::clock::now())) return too_many_failures(caller.address);
  switch (tokens.check(id, value_of(metadata, "x-modal-token-secret"), unix_now())) {
    case Tokens::Verdict::Good:
      caller.kind = Caller::Kind::Client;
      caller.token_id = id;
      return caller;
    case Tokens::Verdict::Expired:
      note_failure(caller, rpc, "token " + printable(id) + " has expired", guesses);
      return error(Code::Unauthenticated, "Token {} has expired: `bimodal token new` makes another one", printable(id));
    case Tokens::Verdict::Wrong:
      break;
  }
  note_failure(caller, rpc, "token " + printable(id) + " is unknown or its secret is wrong", guesses);
  return error(
      Code::Unauthenticated,
      "This is not a token of this server, or it has been revoked: `bimodal env` prints the host's own, `bimodal token "
      "new` makes one");
}

}  // namespace

Result<Caller> identify(
    const grpc::ServerContextBase& context, const std::string& rpc, Credentials credentials, const Tokens& tokens,
    const Connections& connections, Guesses& guesses) {
  const Metadata& metadata = context.client_metadata();
  const Peer peer = connections.peer(context.peer());
  Caller caller;
  caller.client_version = value_of(metadata, "x-modal-client-version");
  caller.idempotency_key = value_of(metadata, "x-idempotency-key");
  caller.address = peer.address;
  caller.over_edge = peer.over_edge;
  const std::string_view type = value_of(metadata, "x-modal-client-type");
  std::from_chars(type.data(), type.data() + type.size(), caller.client_type);
  if (credentials == Credentials::Bearer) {
    constexpr std::string_view kScheme = "Bearer ";
    const std::string_view shown = value_of(metadata, "authorization");
    if (guesses.are_used_up(caller.address, Guesses::Time::clock::now())) return too_many_failures(caller.address);
    if (shown.starts_with(kScheme)) caller.bearer = shown.substr(kScheme.size());
    return caller;
  }
  if (!peer.task_id.empty()) {
    caller.kind = Caller::Kind::Container;
    caller.task_id = peer.task_id;
    return caller;
  }
  return identify_client(std::move(caller), metadata, rpc, tokens, guesses);
}

void note_refused(const Call& call, Guesses& guesses) {
  note_failure(call.caller, call.rpc, "its bearer token isn't good", guesses);
}

}  // namespace bimodal::rpc

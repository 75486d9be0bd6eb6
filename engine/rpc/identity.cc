#include "rpc/identity.h"

#include <grpcpp/server_context.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string_view>

namespace bimodal::rpc {
namespace {

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

constexpr std::array<std::string_view, 3> kWithoutToken = {"ClientHello", "TokenFlowCreate", "TokenFlowWait"};

std::string_view value_of(const Metadata& metadata, std::string_view name) {
  auto found = metadata.find(grpc::string_ref(name.data(), name.size()));
  if (found == metadata.end()) return {};
  return {found->second.data(), found->second.size()};
}

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

bool shows(const Metadata& metadata, const Token& token) {
  const bool id_fits = equal_in_constant_time(value_of(metadata, "x-modal-token-id"), token.id);
  const bool secret_fits = equal_in_constant_time(value_of(metadata, "x-modal-token-secret"), token.secret);
  return id_fits && secret_fits;
}

}  // namespace

Result<Caller> identify(
    const grpc::ServerContextBase& context, const std::string& rpc, Credentials credentials, const Token& token,
    const Connections& connections) {
  const Metadata& metadata = context.client_metadata();
  Caller caller;
  caller.client_version = value_of(metadata, "x-modal-client-version");
  caller.idempotency_key = value_of(metadata, "x-idempotency-key");
  const std::string_view type = value_of(metadata, "x-modal-client-type");
  std::from_chars(type.data(), type.data() + type.size(), caller.client_type);
  if (credentials == Credentials::Bearer) {
    constexpr std::string_view kScheme = "Bearer ";
    const std::string_view shown = value_of(metadata, "authorization");
    if (shown.starts_with(kScheme)) caller.bearer = shown.substr(kScheme.size());
    return caller;
  }
  if (auto task_id = connections.task_of(context.peer())) {
    caller.kind = Caller::Kind::Container;
    caller.task_id = *std::move(task_id);
    return caller;
  }
  if (shows(metadata, token)) {
    caller.kind = Caller::Kind::Client;
    return caller;
  }
  const bool has_token = !value_of(metadata, "x-modal-token-id").empty();
  if (!has_token && std::find(kWithoutToken.begin(), kWithoutToken.end(), rpc) != kWithoutToken.end()) return caller;
  if (!has_token) return error(Code::Unauthenticated, "{} needs the server's token: `bimodal env` prints it", rpc);
  return error(Code::Unauthenticated, "This is not the server's token: `bimodal env` prints the right token");
}

}  // namespace bimodal::rpc

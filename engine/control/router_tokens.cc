#include "control/router_tokens.h"

#include "control/clock.h"
#include "control/web_token.h"
#include "rpc/tokens.h"

namespace bimodal::control {
namespace {

constexpr std::int64_t kLifeSeconds = 20 * 60;
constexpr char kSeparator = ' ';  // in a token's subject, between the container and the API token
constexpr int kClientOfJavaScript = 8, kClientOfGo = 9;

// A client from elsewhere comes back to where it came from. JavaScript and Go take no other scheme than https, and
// speak it in clear to a server of their own host (protocol §10.11), which is the only one that the API's address
// reaches.
std::string router_url(const rpc::Caller& caller, const Settings& settings) {
  if (caller.over_edge) return settings.edge_api_url;
  const bool wants_https = caller.client_type == kClientOfJavaScript || caller.client_type == kClientOfGo;
  const std::string& api_url = settings.api_url;
  const std::size_t scheme = api_url.find("://");
  return wants_https && scheme != std::string::npos ? "https" + api_url.substr(scheme) : api_url;
}

}  // namespace

Result<api::CommandRouterAccess> RouterTokens::issue(const rpc::Call& call, const std::string& task_id) const {
  if (call.caller.kind != rpc::Caller::Kind::Client) {
    return error(Code::PermissionDenied, "a container can't start commands in containers of functions");
  }
  const auto now = static_cast<std::int64_t>(unix_now());
  api::CommandRouterAccess access;
  access.set_jwt(web_token(key_, task_id + kSeparator + call.caller.token_id, now, now + kLifeSeconds));
  access.set_url(router_url(call.caller, context_.settings));
  return access;
}

bool RouterTokens::is_of(const std::string& bearer, const std::string& token_id) const {
  const auto subject = web_token_subject(key_, bearer, static_cast<std::int64_t>(unix_now()));
  return subject && subject->substr(subject->find(kSeparator) + 1) == token_id;
}

Result<void> RouterTokens::check(const rpc::Call& call, const std::string& task_id) const {
  const auto now = static_cast<std::int64_t>(unix_now());
  const auto subject = web_token_subject(key_, call.caller.bearer, now);
  if (!subject) return error(Code::Unauthenticated, "{} needs a token from TaskGetCommandRouterAccess", call.rpc);
  const std::size_t separator = subject->find(kSeparator);
  if (context_.tokens != nullptr && !context_.tokens->is_good(subject->substr(separator + 1), now)) {
    return error(Code::Unauthenticated, "the API token that this one was given for isn't good any more");
  }
  if (subject->substr(0, separator) == task_id) return {};
  return error(
      Code::PermissionDenied, "this token is for container {}, not for {}", subject->substr(0, separator), task_id);
}

}  // namespace bimodal::control

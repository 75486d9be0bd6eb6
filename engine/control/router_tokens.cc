#include "control/router_tokens.h"

#include "control/clock.h"
#include "control/web_token.h"

namespace bimodal::control {
namespace {

constexpr std::int64_t kLifeSeconds = 20 * 60;
constexpr int kClientOfJavaScript = 8, kClientOfGo = 9;

// JavaScript and Go take no other scheme than https, and speak it in clear to a server of their own host (protocol
// §10.11), which is the only one that this address reaches.
std::string router_url(const rpc::Caller& caller, const std::string& api_url) {
  const bool wants_https = caller.client_type == kClientOfJavaScript || caller.client_type == kClientOfGo;
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
  access.set_jwt(web_token(key_, task_id, now, now + kLifeSeconds));
  access.set_url(router_url(call.caller, context_.settings.api_url));
  return access;
}

Result<void> RouterTokens::check(const rpc::Call& call, const std::string& task_id) const {
  const auto subject = web_token_subject(key_, call.caller.bearer, static_cast<std::int64_t>(unix_now()));
  if (!subject) return error(Code::Unauthenticated, "{} needs a token from TaskGetCommandRouterAccess", call.rpc);
  if (*subject == task_id) return {};
  return error(Code::PermissionDenied, "this token is for container {}, not for {}", *subject, task_id);
}

}  // namespace bimodal::control

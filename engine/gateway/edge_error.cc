#include "gateway/edge_error.h"

#include <algorithm>
#include <array>
#include <span>

#include "http/websocket_handshake.h"

namespace bimodal::gateway {
namespace {

constexpr std::int64_t kHostRetry = 5;           // seconds until a full host may have room
constexpr std::int64_t kSecond = 1'000'000'000;  // ns

// Reasons come from containers, too: whatever would make a second line becomes a blank.
std::string one_line(std::string_view text) {
  constexpr std::size_t kMaxReason = 1024;
  std::string line(text.substr(0, kMaxReason));
  std::replace_if(line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
  return line;
}

EdgeError status_failure(std::string_view code, std::string_view reason) {
  return {500, code, "internal error: status Failure: " + one_line(reason)};
}

}  // namespace

void refuse_handshake(http::Caller& client, const RequestId& id, int status, std::string_view reason) {
  const std::array<http::Field, 4> fields{{
      {"content-type", "text/plain; charset=utf-8"},
      {"sec-websocket-version", http::kWebSocketVersion},  // RFC 6455 §4.4
      {kErrorHeader, kHandshakeError},
      {kRequestIdHeader, text_of(id)},
  }};
  client.reply(status, fields, "modal-http: " + std::string(reason));
}

void reply_error(http::Caller& client, const RequestId& id, const EdgeError& error) {
  const std::string retry_after = std::to_string(error.retry_after);
  const std::array<http::Field, 5> fields{{
      {"content-type", "text/plain; charset=utf-8"},
      {"x-content-type-options", "nosniff"},
      {kErrorHeader, error.code},
      {kRequestIdHeader, text_of(id)},
      {"retry-after", retry_after},
  }};
  const std::size_t count = error.retry_after > 0 ? fields.size() : fields.size() - 1;
  client.reply(error.status, std::span(fields).first(count), std::string(error.prefix) + error.message);
}

void set_error(KeptAnswer& answer, const EdgeError& error) {
  answer.status = error.status;
  answer.headers = {
      {"content-type", "text/plain; charset=utf-8"},
      {"x-content-type-options", "nosniff"},
      {std::string(kErrorHeader), std::string(error.code)}};
  if (error.retry_after > 0) answer.headers.emplace_back("retry-after", std::to_string(error.retry_after));
  answer.body = std::string(error.prefix) + error.message;
}

void reply_redirect(http::Caller& client, const RequestId& id, std::string_view location, std::string_view origin) {
  const bool from_page = !origin.empty();
  const std::array<http::Field, 6> fields{{
      {"content-type", "text/plain; charset=utf-8"},
      {"location", location},
      {kRequestIdHeader, text_of(id)},
      {"access-control-allow-origin", from_page ? origin : "*"},
      {"access-control-allow-credentials", "true"},
      {"vary", "origin"},
  }};
  client.reply(303, std::span(fields).first(from_page ? fields.size() : fields.size() - 2), "");
}

void reply_moved(http::Caller& client, const RequestId& id, std::string_view location) {
  const std::array<http::Field, 3> fields{{
      {"content-type", "text/plain; charset=utf-8"},
      {"location", location},
      {kRequestIdHeader, text_of(id)},
  }};
  client.reply(308, fields, "modal-http: this host answers by https\n");
}

EdgeError unknown_call() {
  return {404, "unknown-call", "invalid function call"};
}

EdgeError bad_redirect_method() {
  return {400, "bad-redirect-method", "bad redirect method"};
}

EdgeError other_connection() {
  return {421, "other-connection", "ask for this call again over a new HTTP/1.1 connection"};
}

EdgeError unknown_host() {
  return {404, "unknown-host", "invalid function call"};
}

EdgeError misdirected() {
  return {421, "misdirected", "this is the API's name: it is for clients, by HTTP/2 and TLS"};
}

EdgeError app_stopped() {
  return {404, "app-stopped", "app for invoked web endpoint is stopped"};
}

EdgeError missing_credentials() {
  return {401, "missing-credentials", "missing credentials for proxy authorization"};
}

EdgeError invalid_credentials() {
  return {401, "invalid-credentials", "invalid credentials for proxy authorization"};
}

EdgeError other_environment() {
  return {403, "other-environment", "token is not allowed in this environment"};
}

EdgeError body_too_large(std::uint64_t limit) {
  return {413, "body-too-large", fmt::format("the request body is larger than {} bytes (limits.max_body)", limit)};
}

EdgeError rate_exceeded(const RateExceeded& limit) {
  EdgeError error{
      429, "rate-limit", fmt::format("more than {} requests per second ({})", limit.per_second, limit.setting)};
  error.retry_after = (limit.retry_ns + kSecond - 1) / kSecond;
  return error;
}

EdgeError websocket_refused() {
  return {403, "websocket-refused", "the application refused the WebSocket"};
}

EdgeError bad_request(int status, std::string_view reason) {
  return {status, "bad-request", std::string(reason)};
}

EdgeError timed_out() {
  return {500, "function-timeout", "internal error: function execution timed out"};
}

EdgeError container_gone(const std::optional<scheduler::ContainerExit>& exit) {
  const std::string text = "internal error: function was terminated by signal";
  if (exit && exit->kind == scheduler::ExitKind::OutOfMemory) return {500, "out-of-memory", text + " (out of memory)"};
  return {500, "container-gone", text};
}

EdgeError first_message_late() {
  return {408, "first-message-late", "nothing of the announced body came in time (limits.first_message_timeout)"};
}

EdgeError application_failed() {
  return {500, "application-failed", "Internal Server Error", ""};
}

EdgeError invalid_response() {
  return status_failure("invalid-response", "the application's response has a status or header that HTTP can't carry");
}

EdgeError bad_answer(std::string_view reason) {
  return {502, "bad-answer", "internal error: the container's server: " + one_line(reason)};
}

EdgeError no_pool(const Error& error) {
  if (error.code == Code::ResourceExhausted) return {429, "too-many-pools", one_line(error.message)};
  return no_slot(error);
}

EdgeError no_slot(const Error& error) {
  switch (error.code) {
    case Code::ResourceExhausted:
      return {429, "queue-full", one_line(error.message) + " (limits.max_waiting)"};
    case Code::DeadlineExceeded:
      return timed_out();
    case Code::Unavailable:
      return app_stopped();
    case Code::Aborted: {
      EdgeError full{503, "host-full", one_line(error.message)};
      full.retry_after = kHostRetry;
      return full;
    }
    default:
      return status_failure("start-failed", error.message);
  }
}

EdgeError server_not_ready() {
  EdgeError error{503, "server-not-ready", "no container of this server is ready yet; one is being started"};
  error.retry_after = 1;
  return error;
}

EdgeError server_full(const Error& error) {
  return {429, "server-full", one_line(error.message) + " (max_concurrency=)"};
}

EdgeError internal(std::string_view reason) {
  return {500, "internal", "internal error: " + one_line(reason)};
}

}  // namespace bimodal::gateway

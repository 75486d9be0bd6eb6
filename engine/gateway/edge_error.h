// What a caller is told when the gateway itself answers. Texts are part of the product: clients match on them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "gateway/kept_answers.h"
#include "gateway/rate_limits.h"
#include "gateway/request_id.h"
#include "http/caller.h"
#include "scheduler/launcher.h"

namespace bimodal::gateway {

struct EdgeError {
  int status = 500;
  std::string_view code;  // machine-readable, in the header bimodal-error
  std::string message;    // one line
  std::string_view prefix = "modal-http: ";
  std::int64_t retry_after = 0;  // seconds until it is worth another attempt; 0: not said
};

// The names of the headers that we add.
inline constexpr std::string_view kErrorHeader = "bimodal-error";
inline constexpr std::string_view kColdStartHeader = "bimodal-cold-start";
inline constexpr std::string_view kHandshakeError = "websocket-handshake";  // the code of refuse_handshake()
inline constexpr std::string_view kRequestIdHeader = "bimodal-request-id";

// Answers "<prefix><message>" as plain text. The response must not have begun.
void reply_error(http::Caller& client, const RequestId& id, const EdgeError& error);
// The same for later.
void set_error(KeptAnswer& answer, const EdgeError& error);
// Answers a WebSocket handshake that can't be accepted; `reason` is one line.
void refuse_handshake(http::Caller& client, const RequestId& id, int status, std::string_view reason);

// Answers 303: `location` is where the caller finds the response, `origin` the page that it asks from, if any.
void reply_redirect(http::Caller& client, const RequestId& id, std::string_view location, std::string_view origin);

// Answers 308: the same is to be asked for at `location`, by https.
void reply_moved(http::Caller& client, const RequestId& id, std::string_view location);

// Of a call that was redirected: there is no such one any more, and it can't be asked for in this way.
EdgeError unknown_call();
EdgeError bad_redirect_method();
// It is worked on where this connection can't go (RFC 9110 §15.5.20: the caller may try another one).
EdgeError other_connection();
EdgeError unknown_host();
EdgeError app_stopped();
// The host is the API's, which is spoken to otherwise.
EdgeError misdirected();
EdgeError missing_credentials();
EdgeError invalid_credentials();
EdgeError other_environment();
EdgeError body_too_large(std::uint64_t limit);
EdgeError rate_exceeded(const RateExceeded& limit);
// The application closed a WebSocket that it had not accepted.
EdgeError websocket_refused();
EdgeError bad_request(int status, std::string_view reason);
EdgeError timed_out();
// A container that went with the request inside; `exit` is how, where that is known.
EdgeError container_gone(const std::optional<scheduler::ContainerExit>& exit = {});
EdgeError first_message_late();
// An exception that no framework turned into a page. Its text is for the log: it may hold what callers must not see.
EdgeError application_failed();
EdgeError invalid_response();
// A server inside the container answered nothing, or what HTTP doesn't allow.
EdgeError bad_answer(std::string_view reason);
// Why there is no pool: the app was stopped, or a class has too many of them.
EdgeError no_pool(const Error& error);
// Why no slot could be had.
EdgeError no_slot(const Error& error);
// A server (@app.server) has no queue: none of its containers is ready, or each is full.
EdgeError server_not_ready();
EdgeError server_full(const Error& error);
// A failure of our own.
EdgeError internal(std::string_view reason);

}  // namespace bimodal::gateway

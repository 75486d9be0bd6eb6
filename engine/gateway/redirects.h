// Which loop works on a request whose caller was sent to come again for the answer (edge.redirect_after). Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gateway/kept_answers.h"
#include "http/request_head.h"

namespace bimodal::gateway {

class Front;

// The query parameter that names such a request.
inline constexpr std::string_view kCallParameter = "__modal_function_call_id";

class Redirects {
 public:
  void add(const std::string& token, Front& front);
  void remove(const std::string& token);
  // Null when nobody has it any more. On another loop than the front's only good for posting there, and asking again.
  Front* find(const std::string& token) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Front*> fronts_;
};

// The value of kCallParameter in a query; empty without one. Pure.
std::string_view call_in(std::string_view query);
// The request's path and query, the latter with `token` as its only kCallParameter. Pure.
std::string location_of(const http::RequestHead& head, std::string_view token);
// The page that asks, for CORS; may be empty. Pure.
std::string origin_of(const http::RequestHead& head);
// The head as another loop's connection reads it: it says that the connection closes behind its answer. Pure.
std::string written_again(const http::RequestHead& head);

}  // namespace bimodal::gateway

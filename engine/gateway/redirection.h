// What an Exchange keeps when its caller was sent to come again (edge.redirect_after): the way back, and what came of
// the response meanwhile, at most wire::kInitialCredit of its body. Loop-bound.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/edge_error.h"
#include "http/timer_wheel.h"

namespace bimodal::gateway {

class Exchange;

struct Redirection final : http::TimerWheel::Timer {
  explicit Redirection(Exchange& exchange) : exchange(exchange) {}
  void on_timeout() override;

  Exchange& exchange;
  std::string token;     // "fc-…": who knows it may have the answer
  std::string location;  // where to come again
  std::string origin;    // of the page that asked, for CORS; may be empty
  bool parked = false;   // no caller now
  bool registered = false;

  // Of the response, while parked.
  bool begun = false, ended = false;
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::optional<EdgeError> error;
};

}  // namespace bimodal::gateway

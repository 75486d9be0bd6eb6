// Where web functions answer: hosts and URLs, as pure functions of names. The rules: protocol §2, and DNS (RFC 1035: 63
// bytes a label).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bimodal::control {

// What all web functions of one app share.
struct WebSpace {
  std::string workspace;
  std::string environment_suffix;  // "" for none
  std::string app_name;
  bool ephemeral = false;
};

struct WebName {
  std::string label;  // first part of the host: "ecorp-prod--text-to-speech-flask-app"
  bool truncated = false;
};

// `object` is "hello", or "Cls-method". `requested` is the user's label=, which replaces <app>-<object>;
// InvalidArgument when it isn't one. `dev_suffix` marks ephemeral apps; "" stands for "dev".
Result<WebName> web_name(
    const WebSpace& space, std::string_view object, std::string_view requested, std::string_view dev_suffix);

// "http://hello.localhost:8080"; the port is left out when it is the scheme's own.
std::string web_url(std::string_view scheme, std::string_view host, std::uint16_t port);

// Lower case, everything but [a-z0-9] as '-', runs of '-' folded, none at either end.
std::string folded(std::string_view text);

// ASCII letters in lower case, the rest as it is.
std::string lower_case(std::string text);

}  // namespace bimodal::control

// One header field.
#pragma once

#include <string_view>

namespace bimodal::http {

struct Field {
  std::string_view name;
  std::string_view value;

  bool operator==(const Field&) const = default;
};

// Fields that concern one connection only (RFC 9110 §7.6.1) and are never handed on. `name` in lower case.
constexpr bool is_hop_by_hop(std::string_view name) {
  return name == "connection" || name == "keep-alive" || name == "proxy-connection" || name == "transfer-encoding" ||
         name == "te" || name == "trailer" || name == "upgrade" || name == "proxy-authenticate" ||
         name == "proxy-authorization";
}

}  // namespace bimodal::http

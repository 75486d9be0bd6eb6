// Which names a certificate is for. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace bimodal::acme {

// A DNS name of letters, digits and hyphens in lower case, two labels or more; one more in front may be "*".
bool is_name(std::string_view text);
inline bool is_wildcard(std::string_view name) {
  return name.starts_with("*.");
}
// "*.example.com" for "a.example.com"; empty when there is no label to replace.
std::string wildcard_over(std::string_view name);

}  // namespace bimodal::acme

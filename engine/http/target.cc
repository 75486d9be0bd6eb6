#include "http/target.h"

#include <algorithm>

#include "http/chars.h"

namespace bimodal::http {
namespace {

bool is_target_char(char c) {
  return c > 0x20 && c < 0x7f && c != '#';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// reg-name and the inside of an IP literal; a name with any other byte is a trick, not a name.
bool is_host_char(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '.' || c == '-' || c == '_' || c == '~' ||
         c == '%';
}

bool is_port(std::string_view text) {
  return text.size() <= 5 && std::all_of(text.begin(), text.end(), is_digit);
}

void split_query(std::string_view text, Target& target) {
  std::size_t mark = text.find('?');
  target.path = text.substr(0, mark);
  if (mark != std::string_view::npos) target.query = text.substr(mark + 1);
}

bool parse_absolute(std::string_view rest, Target& target) {
  target.is_absolute = true;
  std::size_t end = rest.find_first_of("/?");
  target.host = rest.substr(0, end);
  if (target.host.empty() || !is_host(target.host)) return false;
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  split_query(rest, target);
  if (target.path.empty()) target.path = "/";
  return true;
}

}  // namespace

bool parse_target(std::string_view method, std::string_view text, Target& target) {
  target = Target();
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_target_char)) return false;
  if (text == "*" && method == "OPTIONS") {
    target.path = text;
    return true;
  }
  if (text.front() == '/') {
    split_query(text, target);
    return method != "CONNECT";
  }
  for (std::string_view scheme : {"http://", "https://"}) {
    if (equals_ignoring_case(text.substr(0, scheme.size()), scheme)) {
      return parse_absolute(text.substr(scheme.size()), target);
    }
  }
  return false;
}

bool is_host(std::string_view text) {
  if (text.starts_with('[')) {
    std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    std::string_view literal = text.substr(1, end - 1);
    std::string_view rest = text.substr(end + 1);
    bool is_literal = std::all_of(literal.begin(), literal.end(), [](char c) { return is_host_char(c) || c == ':'; });
    return is_literal && !literal.empty() && (rest.empty() || (rest[0] == ':' && is_port(rest.substr(1))));
  }
  std::size_t colon = text.find(':');
  std::string_view name = text.substr(0, colon);
  if (!std::all_of(name.begin(), name.end(), is_host_char)) return false;
  return colon == std::string_view::npos || (!name.empty() && is_port(text.substr(colon + 1)));
}

std::string_view host_without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

}  // namespace bimodal::http

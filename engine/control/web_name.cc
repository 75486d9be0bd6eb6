#include "control/web_name.h"

#include "base/ids.h"

namespace bimodal::control {
namespace {

constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kHashDigits = 6;

bool is_label_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

Result<void> check_label(std::string_view label) {
  const bool bad_end = label.front() == '-' || label.back() == '-';
  for (const char c : label) {
    if (is_label_character(c) || (c == '-' && !bad_end)) continue;
    return error(
        Code::InvalidArgument, "label='{}' can't be part of a host name: use a-z, 0-9 and '-' (not at its ends)",
        label);
  }
  return {};
}

}  // namespace

std::string folded(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (is_label_character(c)) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != '-') {
      out.push_back('-');
    }
  }
  if (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

Result<WebName> web_name(
    const WebSpace& space, std::string_view object, std::string_view requested, std::string_view dev_suffix) {
  std::string name = folded(space.workspace);
  if (!space.environment_suffix.empty()) name += "-" + folded(space.environment_suffix);
  if (requested.empty()) {
    name += "--" + folded(space.app_name + "-" + std::string(object));
  } else {
    TRY_VOID(check_label(requested));
    name += "--" + std::string(requested);
  }
  std::string end;
  if (space.ephemeral) end = "-" + (dev_suffix.empty() ? std::string("dev") : folded(dev_suffix));
  const std::string whole = name + end;
  if (whole.size() <= kMaxLabel) return WebName{whole, false};
  const std::string hash = "-" + sha256_hex(whole).substr(0, kHashDigits);
  return WebName{name.substr(0, kMaxLabel - hash.size() - end.size()) + hash + end, true};
}

std::string web_url(std::string_view scheme, std::string_view host, std::uint16_t port) {
  const std::uint16_t own = scheme == "https" ? 443 : 80;
  if (port == own) return fmt::format("{}://{}", scheme, host);
  return fmt::format("{}://{}:{}", scheme, host, port);
}

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace bimodal::control

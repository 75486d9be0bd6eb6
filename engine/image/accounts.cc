#include "image/accounts.h"

#include <charconv>
#include <optional>
#include <vector>

namespace bimodal::image {
namespace {

using Fields = std::vector<std::string_view>;

Fields split(std::string_view line) {
  Fields fields;
  while (true) {
    auto colon = line.find(':');
    fields.push_back(line.substr(0, colon));
    if (colon == std::string_view::npos) return fields;
    line.remove_prefix(colon + 1);
  }
}

// The line whose field number `column` is `value`.
std::optional<Fields> line_with(std::string_view text, std::size_t column, std::string_view value) {
  while (!text.empty()) {
    auto end = text.find('\n');
    auto fields = split(text.substr(0, end));
    if (fields.size() > column && fields.size() > 2 && fields[column] == value) return fields;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<Owner> find_owner(const std::string& text, std::string_view passwd, std::string_view group) {
  std::string_view rest = text;
  auto colon = rest.find(':');
  auto user_name = rest.substr(0, colon);
  auto group_name = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  Owner owner;
  if (auto number = number_of(user_name)) {
    owner = {*number, *number};
  } else if (!user_name.empty()) {
    auto line = line_with(passwd, 0, user_name);
    if (!line || line->size() < 4) return error(Code::FailedPrecondition, "the image has no user {}", user_name);
    owner = {number_of((*line)[2]).value_or(0), number_of((*line)[3]).value_or(0)};
  }
  if (auto number = number_of(group_name)) {
    owner.gid = *number;
  } else if (!group_name.empty()) {
    auto line = line_with(group, 0, group_name);
    if (!line) return error(Code::FailedPrecondition, "the image has no group {}", group_name);
    owner.gid = number_of((*line)[2]).value_or(0);
  }
  return owner;
}

std::string home_of(const std::string& user, std::string_view passwd) {
  std::string_view name = std::string_view(user).substr(0, user.find(':'));
  if (name.empty() || name == "root" || name == "0") return "/root";
  auto line = line_with(passwd, number_of(name) ? 2 : 0, name);
  return line && line->size() > 5 && !(*line)[5].empty() ? std::string((*line)[5]) : "/";
}

}  // namespace bimodal::image

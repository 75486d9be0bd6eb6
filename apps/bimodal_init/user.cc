#include "user.h"

#include <charconv>
#include <string_view>

namespace bimodal::init {

namespace {

constexpr std::size_t kMaxGroups = 64;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<unsigned> number_in(std::string_view text) {
  unsigned value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The line of passwd(5) or group(5) whose name, or numeric id in field 2, is `key`; split into its fields.
std::optional<std::vector<std::string_view>> find_line(std::string_view file, std::string_view key) {
  for (std::string_view line : split(file, '\n')) {
    auto fields = split(line, ':');
    if (fields.size() >= 4 && (fields[0] == key || fields[2] == key)) return fields;
  }
  return std::nullopt;
}

std::optional<unsigned> group_id(std::string_view key, std::string_view file) {
  if (auto number = number_in(key)) return number;
  auto line = find_line(file, key);
  return line ? number_in((*line)[2]) : std::nullopt;
}

std::vector<gid_t> groups_of(std::string_view name, std::string_view file) {
  std::vector<gid_t> groups;
  for (std::string_view line : split(file, '\n')) {
    auto fields = split(line, ':');
    if (fields.size() < 4 || groups.size() == kMaxGroups) continue;
    for (std::string_view member : split(fields[3], ',')) {
      auto id = number_in(fields[2]);
      if (member == name && id) groups.push_back(*id);
    }
  }
  return groups;
}

}  // namespace

std::optional<User> find_user(const std::string& text, const std::string& passwd, const std::string& group) {
  if (text.empty()) return User{};
  auto parts = split(text, ':');
  auto line = find_line(passwd, parts[0]);
  auto uid = line ? number_in((*line)[2]) : number_in(parts[0]);
  if (!uid) return std::nullopt;
  User user{.uid = *uid};
  if (parts.size() > 1 && !parts[1].empty()) {
    auto gid = group_id(parts[1], group);
    if (!gid) return std::nullopt;
    user.gid = *gid;
  } else if (line) {
    user.gid = number_in((*line)[3]).value_or(0);
    user.groups = groups_of((*line)[0], group);
  }
  return user;
}

}  // namespace bimodal::init

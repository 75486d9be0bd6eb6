#include "image/recipe_lines.h"

namespace bimodal::image {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

bool is_skipped(std::string_view line) {
  auto text = trim(line);
  return text.empty() || text.starts_with('#');
}

// Position of the backslash that continues `line`, or npos. Blanks may follow it; a second backslash before it ends
// the line (Docker's own rule).
std::size_t continuation(std::string_view line) {
  auto last = line.find_last_not_of(" \t");
  if (last == std::string_view::npos || line[last] != '\\') return std::string_view::npos;
  return last > 0 && line[last - 1] == '\\' ? std::string_view::npos : last;
}

}  // namespace

std::string_view trim(std::string_view text) {
  auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

RecipeLines::RecipeLines(const std::vector<std::string>& lines) {
  for (std::string_view rest : lines) {
    while (true) {
      auto end = rest.find('\n');
      std::string_view line = rest.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      lines_.emplace_back(line);
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 1);
    }
  }
}

std::optional<RecipeLines::Logical> RecipeLines::next() {
  while (position_ < lines_.size() && is_skipped(lines_[position_])) ++position_;
  if (position_ == lines_.size()) return std::nullopt;
  Logical logical{.number = static_cast<int>(position_) + 1, .text = {}};
  while (position_ < lines_.size()) {
    const std::string& line = lines_[position_++];
    auto cut = continuation(line);
    logical.text += line.substr(0, cut);
    if (cut == std::string::npos) break;
    while (position_ < lines_.size() && is_skipped(lines_[position_])) ++position_;
  }
  logical.text = trim(logical.text);
  return logical;
}

std::optional<std::string> RecipeLines::heredoc(std::string_view delimiter, bool strip_tabs) {
  std::string body;
  while (position_ < lines_.size()) {
    std::string_view line = lines_[position_++];
    if (strip_tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
    if (line == delimiter) return body;
    body.append(line).push_back('\n');
  }
  return std::nullopt;
}

}  // namespace bimodal::image

#include "image/ini_file.h"

#include <algorithm>
#include <cctype>

#include "image/recipe_lines.h"

namespace bimodal::image {
namespace {

std::string canonical_key(std::string_view key) {
  std::string out(key);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return c == '_' ? '-' : std::tolower(c); });
  return out;
}

}  // namespace

void merge_ini(IniFile& into, std::string_view text) {
  std::map<std::string, std::string>* section = nullptr;
  std::string* value = nullptr;
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    auto content = trim(line);
    if (content.empty() || content[0] == '#' || content[0] == ';') continue;
    bool continues = line[0] == ' ' || line[0] == '\t';
    if (continues && value) {
      if (!value->empty()) *value += '\n';
      *value += content;
      continue;
    }
    value = nullptr;
    if (content.front() == '[' && content.back() == ']') {
      section = &into[std::string(content.substr(1, content.size() - 2))];
      continue;
    }
    auto separator = content.find_first_of("=:");
    if (!section || separator == std::string_view::npos) continue;
    value = &(*section)[canonical_key(trim(content.substr(0, separator)))];
    *value = trim(content.substr(separator + 1));
  }
}

std::string print_ini(const IniFile& file) {
  std::string out;
  for (const auto& [section, values] : file) {
    if (values.empty()) continue;
    out += "[" + section + "]\n";
    for (const auto& [key, value] : values) {
      out += key + " =";
      for (char c : " " + value) {
        out += c;
        if (c == '\n') out += "    ";
      }
      out += '\n';
    }
  }
  return out;
}

}  // namespace bimodal::image

#include "image/apt_sources.h"

#include <algorithm>
#include <map>
#include <sstream>

#include "image/files.h"
#include "image/recipe_lines.h"

namespace bimodal::image {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t kMaxFileBytes = 1 << 20;

using Words = std::vector<std::string>;

Words words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  Words words;
  for (std::string word; stream >> word;) words.push_back(std::move(word));
  return words;
}

bool belongs_to(std::string_view suite, std::string_view release) {
  if (!suite.starts_with(release)) return false;
  suite.remove_prefix(release.size());
  return suite.empty() || suite == "-updates" || suite == "-security" || suite == "/updates";
}

void add_entry(
    Words& out, const std::string& uri, const std::string& suite, std::string_view release, const Words& components) {
  bool has_main = std::find(components.begin(), components.end(), "main") != components.end();
  if (!has_main || !belongs_to(suite, release)) return;
  std::string entry = "deb " + uri + " " + suite + " main";
  if (std::find(out.begin(), out.end(), entry) == out.end()) out.push_back(std::move(entry));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

using Stanza = std::map<std::string, std::string>;  // field in lower case -> value

std::vector<Stanza> stanzas_of(std::string_view text) {
  std::vector<Stanza> stanzas(1);
  std::string* value = nullptr;
  for (auto line : lines_of(text)) {
    if (line.starts_with('#')) continue;
    if (trim(line).empty()) {
      stanzas.emplace_back();
      value = nullptr;
    } else if ((line[0] == ' ' || line[0] == '\t') && value) {
      *value += " " + std::string(trim(line));
    } else if (auto colon = line.find(':'); colon != std::string_view::npos) {
      value = &stanzas.back()[lower(line.substr(0, colon))];
      *value = trim(line.substr(colon + 1));
    }
  }
  return stanzas;
}

}  // namespace

Words sources_in_list(std::string_view text, std::string_view release) {
  Words out;
  for (auto line : lines_of(text)) {
    auto words = words_of(line.substr(0, line.find('#')));
    if (words.empty() || words[0] != "deb") continue;
    auto at = words.begin() + 1;
    if (at != words.end() && at->starts_with('[')) {
      at = std::find_if(at, words.end(), [](const std::string& word) { return word.ends_with(']'); });
      if (at != words.end()) ++at;
    }
    if (words.end() - at < 3) continue;
    add_entry(out, *at, *(at + 1), release, Words(at + 2, words.end()));
  }
  return out;
}

Words sources_in_deb822(std::string_view text, std::string_view release) {
  Words out;
  for (auto& stanza : stanzas_of(text)) {
    auto types = words_of(stanza["types"]);
    bool binary = std::find(types.begin(), types.end(), "deb") != types.end();
    if (!binary || lower(stanza["enabled"]) == "no") continue;
    for (const auto& uri : words_of(stanza["uris"])) {
      for (const auto& suite : words_of(stanza["suites"])) {
        add_entry(out, uri, suite, release, words_of(stanza["components"]));
      }
    }
  }
  return out;
}

Words read_host_sources(std::string_view release, const fs::path& root) {
  fs::path apt = root / "etc/apt";
  std::vector<fs::path> files = {apt / "sources.list"};
  for (auto& file : list_directory(apt / "sources.list.d")) files.push_back(std::move(file));
  Words all;
  for (const auto& file : files) {
    auto text = read_file(file, kMaxFileBytes).value_or("");
    auto found = file.extension() == ".sources" ? sources_in_deb822(text, release) : sources_in_list(text, release);
    for (auto& entry : found) {
      if (std::find(all.begin(), all.end(), entry) == all.end()) all.push_back(std::move(entry));
    }
  }
  return all;
}

}  // namespace bimodal::image

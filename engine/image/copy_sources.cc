#include "image/copy_sources.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "image/layer_view.h"

namespace bimodal::image {
namespace {

// The first `count` components of an absolute path; nothing when it has fewer.
std::optional<std::string> prefix_of(const std::string& path, std::ptrdiff_t count) {
  std::size_t at = 0;
  for (; count > 0; --count) {
    if (at >= path.size()) return std::nullopt;
    at = std::min(path.find('/', at + 1), path.size());
  }
  return path.substr(0, at);
}

std::set<std::string> matches_of(const Context& context, const std::string& pattern) {
  auto depth = std::count(pattern.begin(), pattern.end(), '/');
  std::set<std::string> matches;
  for (const auto& [path, entry] : context) {
    auto prefix = prefix_of(path, depth);
    if (prefix && fnmatch(pattern.c_str(), prefix->c_str(), FNM_PATHNAME) == 0) matches.insert(*prefix);
  }
  return matches;
}

std::optional<CopySource> source_at(const Context& context, const std::string& path) {
  if (auto file = context.find(path); file != context.end()) {
    CopySource source{.name = path.substr(path.rfind('/') + 1)};
    source.files.emplace_back("", file->second);
    return source;
  }
  CopySource source{.name = {}, .is_directory = true};
  std::string below = path == "/" ? path : path + "/";
  for (auto it = context.lower_bound(below); it != context.end() && it->first.starts_with(below); ++it) {
    source.files.emplace_back(it->first.substr(below.size()), it->second);
  }
  if (source.files.empty()) return std::nullopt;
  return source;
}

}  // namespace

std::vector<CopySource> find_sources(const Context& context, const std::string& source) {
  std::string path = normalize_path(source);
  std::set<std::string> paths = {path};
  bool literal = context.contains(path) || path.find_first_of("*?[") == std::string::npos;
  if (!literal) paths = matches_of(context, path);
  std::vector<CopySource> found;
  for (const auto& match : paths) {
    if (auto one = source_at(context, match)) found.push_back(std::move(*one));
  }
  return found;
}

}  // namespace bimodal::image

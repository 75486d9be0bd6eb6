#include "metrics/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bimodal::metrics {
namespace {

constexpr std::array<std::string_view, 3> kTypes = {"counter", "gauge", "histogram"};

// Backslash and newline, in label values quotes as well, are written as \\, \n and \".
std::string escaped(std::string_view text, bool in_quotes) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || (in_quotes && c == '"')) out += '\\';
    out += c;
  }
  return out;
}

std::string written(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (value.empty()) continue;
    if (!out.empty()) out += ',';
    out.append(name).append("=\"").append(escaped(value, true)).append("\"");
  }
  return out;
}

}  // namespace

Family::Family(std::string name, std::string_view help, Type type)
    : name_(std::move(name)), help_(escaped(help, false)), type_(type) {}

void Family::line(std::string_view suffix, std::string_view labels, std::string_view value) {
  samples_.append(name_).append(suffix);
  if (!labels.empty()) samples_.append("{").append(labels).append("}");
  samples_.append(" ").append(value).append("\n");
}

void Family::add(const Labels& labels, std::uint64_t value) {
  line("", written(labels), fmt::to_string(value));
}

void Family::add(const Labels& labels, std::int64_t value) {
  line("", written(labels), fmt::to_string(value));
}

void Family::add(const Labels& labels, double value) {
  line("", written(labels), fmt::to_string(value));
}

void Family::add(const Labels& labels, const Spread& spread) {
  const std::string own = written(labels);
  const std::string before = own.empty() ? "" : own + ",";
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < kBounds_ns.size(); ++i) {
    cumulative += spread.buckets[i];
    const double bound = static_cast<double>(kBounds_ns[i]) / 1e9;
    line("_bucket", fmt::format("{}le=\"{}\"", before, bound), fmt::to_string(cumulative));
  }
  const std::string all = fmt::to_string(cumulative + spread.buckets.back());
  line("_bucket", before + "le=\"+Inf\"", all);
  line("_sum", own, fmt::to_string(static_cast<double>(spread.sum_ns) / 1e9));
  line("_count", own, all);
}

std::string Family::text() const {
  const std::string_view type = kTypes[static_cast<std::size_t>(type_)];
  return fmt::format("# HELP {} {}\n# TYPE {} {}\n{}", name_, help_, name_, type, samples_);
}

Family& Page::family(std::string_view name, std::string_view help, Type type) {
  const auto known = std::find_if(families_.begin(), families_.end(), [&](auto& one) { return one.name() == name; });
  if (known != families_.end()) return *known;
  return families_.emplace_back(std::string(name), help, type);
}

std::string Page::text() const {
  std::string out;
  for (const Family& family : families_) out += family.text();
  return out;
}

}  // namespace bimodal::metrics

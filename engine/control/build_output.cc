#include "control/build_output.h"

#include <algorithm>

#include "control/utf8.h"

namespace bimodal::control {
namespace {

constexpr std::string_view kGap = "[… earlier output was dropped …]\n";

// Where to cut `text`: after a line if it is long and has one, else between characters.
std::size_t cut(std::string_view text, std::size_t limit) {
  if (text.size() > limit) {
    text = text.substr(0, limit);
    std::size_t line = text.rfind('\n');
    if (line != std::string_view::npos) return line + 1;
  }
  return whole_characters(text);
}

}  // namespace

void BuildOutput::append(std::string_view text) {
  text_ += text;
  if (text_.size() <= kMaxBytes) return;
  std::size_t dropped = text_.size() - kMaxBytes / 2;  // in halves, so that dropping is rare
  std::size_t line = text_.find('\n', dropped);
  if (line != std::string::npos && line - dropped < kMaxChunk) dropped = line + 1;
  first_ += dropped;
  text_.erase(0, dropped);
}

std::string BuildOutput::next(std::uint64_t& cursor) const {
  bool gap = cursor < first_;
  std::uint64_t from = std::max(cursor, first_) - first_;
  if (from >= text_.size()) return "";
  std::string_view rest = std::string_view(text_).substr(from);
  std::size_t size = cut(rest, kMaxChunk);
  if (size == 0) return "";
  cursor = first_ + from + size;
  return std::string(gap ? kGap : "") + valid_utf8(std::string(rest.substr(0, size)));
}

}  // namespace bimodal::control

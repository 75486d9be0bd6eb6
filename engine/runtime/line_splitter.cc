#include "runtime/line_splitter.h"

#include <algorithm>

namespace bimodal::runtime {
namespace {

// How many bytes a UTF-8 character has that begins with `lead`; 1 for what isn't UTF-8.
std::size_t character_size(unsigned char lead) {
  if (lead >= 0xf0) return 4;
  if (lead >= 0xe0) return 3;
  if (lead >= 0xc0) return 2;
  return 1;
}

// The length of `text` without a character that is cut off at its end.
std::size_t whole_characters(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    unsigned char byte = text[text.size() - back];
    if (byte < 0x80) return text.size();
    if (byte >= 0xc0) return character_size(byte) > back ? text.size() - back : text.size();
  }
  return text.size();
}

}  // namespace

std::size_t LineSplitter::feed(std::string_view data, const Sink& sink) {
  std::size_t lines = 0;
  while (!data.empty()) {
    std::size_t newline = data.find('\n');
    std::size_t end = newline == std::string_view::npos ? data.size() : newline + 1;
    std::size_t take = std::min(end, kMaxLine - partial_.size());
    partial_.append(data.substr(0, take));
    data.remove_prefix(take);
    if (partial_.back() == '\n') {
      finish(sink);
      ++lines;
    } else if (partial_.size() == kMaxLine) {
      flush(sink);
      ++lines;
    }
  }
  return lines;
}

void LineSplitter::flush(const Sink& sink) {
  std::size_t whole = whole_characters(partial_);
  if (whole == 0) return;
  sink(std::string_view(partial_).substr(0, whole));
  partial_.erase(0, whole);
}

void LineSplitter::finish(const Sink& sink) {
  if (!partial_.empty()) sink(partial_);
  partial_.clear();
}

}  // namespace bimodal::runtime

#include "image/output_tail.h"

namespace bimodal::image {

void OutputTail::add(std::string_view text) {
  for (char c : text) {
    if (c == '\n') {
      end_line();
    } else if (c == '\r') {
      returned_ = true;
    } else {
      if (returned_) current_.clear();
      returned_ = false;
      if (current_.size() < kLineBytes) current_ += c;
    }
  }
}

void OutputTail::end_line() {
  lines_.push_back(std::move(current_));
  current_.clear();
  returned_ = false;
  if (lines_.size() > kLines) lines_.pop_front();
}

std::string OutputTail::text() const {
  std::string out;
  std::size_t skip = lines_.size() == kLines && !current_.empty() ? 1 : 0;
  for (std::size_t i = skip; i < lines_.size(); ++i) out += lines_[i] + "\n";
  if (!current_.empty()) out += current_ + "\n";
  return out;
}

}  // namespace bimodal::image

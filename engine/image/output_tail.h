// The last lines of a build step's output, for the message when it fails. Bounded; not thread-safe.
#pragma once

#include <deque>
#include <string>
#include <string_view>

namespace bimodal::image {

class OutputTail {
 public:
  static constexpr std::size_t kLines = 20;
  static constexpr std::size_t kLineBytes = 1000;  // the rest of a longer line is dropped

  // Any piece of output. A carriage return starts the line anew, as on a terminal (progress bars).
  void add(std::string_view text);
  // The lines, the unfinished one included, each with its newline.
  std::string text() const;

 private:
  void end_line();

  std::deque<std::string> lines_;
  std::string current_;
  bool returned_ = false;
};

}  // namespace bimodal::image

// Cuts a stream of bytes into lines for the log. A plain value, no I/O.
//
// A line keeps its newline. One longer than kMaxLine comes in pieces, and so does a line whose rest is late; no piece
// ends within a UTF-8 character.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace bimodal::runtime {

class LineSplitter {
 public:
  static constexpr std::size_t kMaxLine = 64 * 1024;

  using Sink = std::function<void(std::string_view line)>;

  // Passes every line that `data` completes to `sink`. Returns their number.
  std::size_t feed(std::string_view data, const Sink& sink);
  // Passes what has come of an unfinished line, but for an unfinished character at its end.
  void flush(const Sink& sink);
  // The same with everything: nothing more comes.
  void finish(const Sink& sink);

  bool has_partial_line() const { return !partial_.empty(); }

 private:
  std::string partial_;
};

}  // namespace bimodal::runtime

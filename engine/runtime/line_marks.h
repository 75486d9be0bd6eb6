// Which request said a line: takes off the mark that the runner puts in front of it (runner/python/bimodal_runner/
// output.py). A plain value, one per stream, no I/O.
//
//   RS <input id> ' ' <function call id> US <the line>        RS 0x1e, US 0x1f (ASCII's record and unit separators)
//
// Marks come from the user's own process, which may forge them: they say nothing about anybody but itself.
#pragma once

#include <string>
#include <string_view>

namespace bimodal::runtime {

class LineMarks {
 public:
  struct Line {
    std::string_view text;                        // of `piece`, without the mark
    std::string_view input_id, function_call_id;  // empty: unmarked; good until the next call
  };

  // `piece` is a line or, when that is long or late, a part of one; the parts after the first belong to its request.
  Line read(std::string_view piece);

 private:
  std::string input_id_, function_call_id_;
  bool within_line_ = false;
};

}  // namespace bimodal::runtime

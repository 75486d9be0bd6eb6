#include "runtime/line_marks.h"

#include <algorithm>

namespace bimodal::runtime {
namespace {

constexpr char kBegin = '\x1e';
constexpr char kEnd = '\x1f';
constexpr std::size_t kMaxId = 64;

bool is_id(std::string_view text) {
  auto belongs = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; };
  return !text.empty() && text.size() <= kMaxId && std::all_of(text.begin(), text.end(), belongs);
}

}  // namespace

LineMarks::Line LineMarks::read(std::string_view piece) {
  if (!within_line_) {
    input_id_.clear();
    function_call_id_.clear();
    const std::size_t end = piece.starts_with(kBegin) ? piece.substr(0, 2 * kMaxId + 3).find(kEnd) : piece.npos;
    const std::size_t blank = piece.find(' ');
    if (end != piece.npos && blank < end) {
      const std::string_view input = piece.substr(1, blank - 1), call = piece.substr(blank + 1, end - blank - 1);
      if (is_id(input) && is_id(call)) {
        input_id_ = input;
        function_call_id_ = call;
        piece.remove_prefix(end + 1);
      }
    }
  }
  within_line_ = !piece.ends_with('\n');
  return {piece, input_id_, function_call_id_};
}

}  // namespace bimodal::runtime

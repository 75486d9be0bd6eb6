#include "http/head_scan.h"

#include <cstring>

namespace bimodal::http {

HeadScan scan_head(std::string_view data, std::size_t& resume) {
  // `resume` is always the begin of a line.
  while (resume < data.size()) {
    const char* begin = data.data() + resume;
    if (*begin == ' ' || *begin == '\t') return {.problem = "a line of the head begins with a blank"};
    const void* found = std::memchr(begin, '\n', data.size() - resume);
    if (!found) return {};
    const auto* line_feed = static_cast<const char*>(found);
    if (line_feed == begin || line_feed[-1] != '\r') return {.problem = "a line of the head ends without CR"};
    const std::size_t length = static_cast<std::size_t>(line_feed - begin) - 1;
    if (length > 0 && std::memchr(begin, '\r', length)) return {.problem = "a stray CR in the head"};
    resume += length + 2;
    if (length == 0) return {.end = resume};
  }
  return {};
}

}  // namespace bimodal::http

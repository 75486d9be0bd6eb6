// Finds the end of a head and refuses line ends that others might read differently. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace bimodal::http {

struct HeadScan {
  std::size_t end = 0;       // behind the empty line; 0: not there yet
  const char* problem = "";  // not empty: refuse, in one line
};

// Looks at the lines of `data` from `resume` on, where it left off; 0 for a new head. Every line must end in CRLF, none
// may begin with a blank (obs-fold), and no CR may stand elsewhere.
HeadScan scan_head(std::string_view data, std::size_t& resume);

}  // namespace bimodal::http

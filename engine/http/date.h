// The value of the Date header (RFC 9110 §5.6.7), made once per second. Loop-bound.
#pragma once

#include <ctime>
#include <string_view>

namespace bimodal::http {

class DateLine {
 public:
  // "Sun, 06 Nov 1994 08:49:37 GMT". Good until the next call.
  std::string_view now();

 private:
  std::time_t second_ = -1;
  char text_[32] = {};
  std::size_t size_ = 0;
};

}  // namespace bimodal::http

#include "http/date.h"

#include <cstdio>

namespace bimodal::http {

std::string_view DateLine::now() {
  timespec clock{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &clock);
  if (clock.tv_sec == second_) return {text_, size_};
  second_ = clock.tv_sec;
  std::tm parts{};
  ::gmtime_r(&second_, &parts);
  // Not strftime: its names follow the locale.
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  int written = std::snprintf(
      text_, sizeof text_, "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday], parts.tm_mday,
      kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  size_ = written < 0 ? 0 : static_cast<std::size_t>(written);
  return {text_, size_};
}

}  // namespace bimodal::http

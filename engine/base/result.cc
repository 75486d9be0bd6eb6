#include "base/result.h"

#include <array>
#include <cstring>

namespace bimodal {

std::string_view name_of(Code code) {
  constexpr std::array<std::string_view, 17> kNames = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : "UNKNOWN";
}

tl::unexpected<Error> errno_error(int errnum, std::string_view what) {
  char buffer[256];
  const char* text = ::strerror_r(errnum, buffer, sizeof buffer);
  return error(Code::Internal, "{}: {}", what, text);
}

}  // namespace bimodal

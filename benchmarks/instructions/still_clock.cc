#include "still_clock.h"

#include <sys/timerfd.h>

#include <cerrno>
#include <cstdint>
#include <ctime>

namespace bimodal::benchmarks {
namespace {

constexpr std::int64_t kStart = 1'750'000'000;  // a second of the year 2025, for both clocks

std::int64_t now_ns = kStart * 1'000'000'000;

}  // namespace

void pass_time(std::chrono::microseconds span) {
  now_ns += std::chrono::nanoseconds(span).count();
}

}  // namespace bimodal::benchmarks

// These stand before those of the C library, for libstdc++ and Asio as well.
extern "C" int clock_gettime(clockid_t, timespec* now) noexcept {
  const std::int64_t ns = bimodal::benchmarks::now_ns;
  now->tv_sec = ns / 1'000'000'000;
  now->tv_nsec = ns % 1'000'000'000;
  return 0;
}

// Without one, Asio looks at the clock above whether a timer is due.
extern "C" int timerfd_create(int, int) noexcept {
  errno = EINVAL;
  return -1;
}

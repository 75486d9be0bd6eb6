#include "gateway/request_id.h"

#include <sys/random.h>

#include <bit>
#include <ctime>

#include "base/check.h"

namespace bimodal::gateway {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// The lowest 5 * `count` bits of `value`, the highest of them first.
char* write_digits(char* out, std::uint64_t value, int count) {
  for (int i = count - 1; i >= 0; --i) *out++ = kAlphabet[(value >> (5 * i)) & 31];
  return out;
}

std::uint64_t milliseconds_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace

RequestIds::RequestIds() {
  CHECK(::getrandom(state_.data(), sizeof state_, 0) == static_cast<ssize_t>(sizeof state_));
}

RequestId RequestIds::next() {
  RequestId id;
  char* out = write_digits(id.data(), milliseconds_now(), 10);
  out = write_digits(out, random(), 8);
  write_digits(out, random(), 8);
  return id;
}

// xoshiro256++ (Blackman and Vigna, https://prng.di.unimi.it).
std::uint64_t RequestIds::random() {
  const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

}  // namespace bimodal::gateway

// Request ids: 26 characters of Crockford's base 32, the first 10 of them the time, so that they sort by it.
// Loop-bound.
//
// They name a request in answers and logs; they are no secret.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "wire/head.h"

namespace bimodal::gateway {

using RequestId = std::array<char, wire::kRequestIdSize>;

inline std::string_view text_of(const RequestId& id) {
  return {id.data(), id.size()};
}

class RequestIds {
 public:
  RequestIds();  // seeded from getrandom(2)
  RequestId next();

 private:
  std::uint64_t random();

  std::array<std::uint64_t, 4> state_;
};

}  // namespace bimodal::gateway

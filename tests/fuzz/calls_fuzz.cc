// A container's calls as frames: no crash, everything that was taken lies within what was read, and taking goes
// forward.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "rpc/frame_format.h"

namespace {

namespace rpc = bimodal::rpc;

void require(bool condition) {
  if (!condition) std::abort();
}

void require_within(std::string_view part, std::string_view all) {
  if (!part.empty()) require(part.data() >= all.data() && part.data() + part.size() <= all.data() + all.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  std::string_view rest = all;
  const auto greeting = rpc::take_greeting(rest);
  if (greeting && *greeting) require((*greeting)->size() <= 255 && rest.size() < all.size());
  if (!greeting) rest = all;
  while (true) {
    const std::size_t before = rest.size();
    const auto frame = rpc::take_call_frame(rest);
    if (!frame || !*frame) break;
    require(rest.size() < before);
    for (std::string_view part : {(*frame)->path, (*frame)->idempotency_key, (*frame)->request})
      require_within(part, all);
  }
  return 0;
}

// Frames and heads from arbitrary bytes: no crash, and whatever decodes encodes back to the same bytes.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "wire/frame.h"
#include "wire/head.h"

namespace {

template <class Head>
void decode_and_encode(std::string_view bytes) {
  Head head;
  if (!bimodal::wire::decode(bytes, head)) return;
  std::string again;
  if (!bimodal::wire::encode(head, again) || again != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > bimodal::wire::kMaxPayload) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  decode_and_encode<bimodal::wire::RequestHead>(bytes);
  decode_and_encode<bimodal::wire::ResponseHead>(bytes);
  decode_and_encode<bimodal::wire::AcceptHead>(bytes);
  decode_and_encode<bimodal::wire::Headers>(bytes);
  if (size >= bimodal::wire::kHeaderSize) {
    if (const auto header = bimodal::wire::decode_frame_header(bytes.data())) {
      char again[bimodal::wire::kHeaderSize];
      bimodal::wire::encode(*header, again);
      if (bytes.substr(0, sizeof again) != std::string_view(again, sizeof again)) std::abort();
    }
  }
  return 0;
}

#include "wire/frame.h"

#include "wire/little_endian.h"

namespace bimodal::wire {

void encode(const FrameHeader& header, char* out) {
  store_u32(out, header.size);
  store_u32(out + 4, header.stream);
  out[8] = static_cast<char>(header.type);
  out[9] = static_cast<char>(header.flags);
  store_u16(out + 10, 0);
  store_u32(out + 12, header.extra);
}

std::optional<FrameHeader> decode_frame_header(const char* bytes) {
  FrameHeader header;
  header.size = load_u32(bytes);
  header.stream = load_u32(bytes + 4);
  header.type = static_cast<FrameType>(bytes[8]);
  header.flags = static_cast<std::uint8_t>(bytes[9]);
  header.extra = load_u32(bytes + 12);
  if (header.size > kMaxPayload || load_u16(bytes + 10) != 0) return std::nullopt;
  const bool has_head = header.type == FrameType::Request || header.type == FrameType::Response;
  if (has_head && header.extra > header.size) return std::nullopt;
  return header;
}

void append_frame(std::string& out, FrameHeader header, std::string_view payload) {
  header.size = static_cast<std::uint32_t>(payload.size());
  char bytes[kHeaderSize];
  encode(header, bytes);
  out.append(bytes, kHeaderSize);
  out.append(payload);
}

}  // namespace bimodal::wire

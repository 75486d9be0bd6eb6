#include "gateway/frame_reader.h"

#include <algorithm>
#include <utility>

namespace bimodal::gateway {

bool FrameReader::feed(std::string_view bytes, Sink& sink) {
  while (true) {
    if (!in_payload_) {
      if (bytes.empty()) return true;
      if (!take_header(bytes)) return false;
      if (!in_payload_) return true;  // not all of it is there
    }
    const bool is_body = header_.type == wire::FrameType::Body;
    if (!(is_body ? take_body(bytes, sink) : take_payload(bytes, sink))) return false;
    if (in_payload_ && bytes.empty()) return true;
  }
}

bool FrameReader::take_header(std::string_view& bytes) {
  const char* at = bytes.data();
  if (!carry_.empty() || bytes.size() < wire::kHeaderSize) {
    const std::size_t size = std::min(bytes.size(), wire::kHeaderSize - carry_.size());
    carry_.append(bytes.substr(0, size));
    bytes.remove_prefix(size);
    if (carry_.size() < wire::kHeaderSize) return true;
    at = carry_.data();
  } else {
    bytes.remove_prefix(wire::kHeaderSize);
  }
  auto header = wire::decode_frame_header(at);
  carry_.clear();
  if (!header) return false;
  header_ = *header;
  left_ = header_.size;
  in_payload_ = true;
  return true;
}

bool FrameReader::take_body(std::string_view& bytes, Sink& sink) {
  const std::string_view piece = bytes.substr(0, left_);
  if (piece.empty() && left_ > 0) return true;
  bytes.remove_prefix(piece.size());
  left_ -= piece.size();
  in_payload_ = left_ > 0;
  wire::FrameHeader header = header_;
  header.size = static_cast<std::uint32_t>(piece.size());
  if (in_payload_) header.flags &= static_cast<std::uint8_t>(~wire::kEnd);
  return sink.on_frame(header, piece);
}

bool FrameReader::take_payload(std::string_view& bytes, Sink& sink) {
  if (carry_.empty() && bytes.size() >= header_.size) {
    const std::string_view payload = bytes.substr(0, header_.size);
    bytes.remove_prefix(payload.size());
    in_payload_ = false;
    return sink.on_frame(header_, payload);
  }
  const std::string_view piece = bytes.substr(0, header_.size - carry_.size());
  carry_.append(piece);
  bytes.remove_prefix(piece.size());
  if (carry_.size() < header_.size) return true;
  in_payload_ = false;
  const std::string payload = std::exchange(carry_, {});
  return sink.on_frame(header_, payload);
}

}  // namespace bimodal::gateway

// Where frames end in the bytes of a WebSocket that pass by, of either side (RFC 6455 §5.2). Looks at their headers
// only, and believes them. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bimodal::http {

class WebSocketTrail {
 public:
  void pass(std::string_view bytes);
  // The same as far as the next end of a frame; how many bytes that were.
  std::size_t pass_frame(std::string_view bytes);
  // Another frame may be put in here.
  bool is_between_frames() const { return size_ == 0 && left_ == 0; }
  // A Close has begun: nothing may follow it.
  bool has_closed() const { return closed_; }

 private:
  char header_[14];
  std::size_t size_ = 0;    // of header_, while it isn't complete
  std::uint64_t left_ = 0;  // of the payload
  bool closed_ = false;
};

// A whole Close frame: as a server sends it, or masked, as a client does.
enum class Side { Server, Client };
std::string close_frame(Side side, std::uint16_t code, std::string_view reason);

}  // namespace bimodal::http

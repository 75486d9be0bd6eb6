#include "rpc/frame_format.h"

namespace bimodal::rpc {
namespace {

constexpr std::size_t kSizeBytes = 4;

std::uint32_t number_at(std::string_view bytes) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << 8 * i;
  return number;
}

// Takes fields from the front; remembers that something was missing.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  std::uint32_t number() {
    const std::string_view bytes = take(4);
    return bytes.size() == 4 ? number_at(bytes) : 0;
  }
  std::uint8_t byte() {
    const std::string_view bytes = take(1);
    return bytes.empty() ? 0 : static_cast<std::uint8_t>(bytes[0]);
  }
  std::string_view text() { return take(byte()); }
  std::string_view rest() const { return rest_; }
  bool complete() const { return complete_; }

 private:
  std::string_view take(std::size_t size) {
    complete_ &= size <= rest_.size();
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
  bool complete_ = true;
};

void append_number(std::uint32_t number, std::string& out) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift & 0xFF);
}

}  // namespace

Result<std::optional<CallFrame>> take_call_frame(std::string_view& bytes) {
  if (bytes.size() < kSizeBytes) return std::nullopt;
  const std::size_t size = number_at(bytes);
  if (size > kMaxFrame) return error(Code::InvalidArgument, "a frame of {} bytes", size);
  if (bytes.size() < kSizeBytes + size) return std::nullopt;
  Fields fields(bytes.substr(kSizeBytes, size));
  bytes.remove_prefix(kSizeBytes + size);
  CallFrame frame;
  frame.number = fields.number();
  const std::uint8_t kind = fields.byte();
  frame.cancels = kind == 1;
  if (kind == 0) {
    frame.path = fields.text();
    frame.idempotency_key = fields.text();
    frame.timeout_ms = fields.number();
    frame.request = fields.rest();
  }
  if (!fields.complete() || kind > 1) return error(Code::InvalidArgument, "a broken frame of {} bytes", size);
  return frame;
}

Result<std::optional<std::string>> take_greeting(std::string_view& bytes) {
  const std::size_t head = kFramesGreeting.size() + 1;
  if (!kFramesGreeting.starts_with(bytes.substr(0, kFramesGreeting.size()))) {
    return error(Code::InvalidArgument, "no greeting");
  }
  if (bytes.size() < head) return std::nullopt;
  const std::size_t size = static_cast<unsigned char>(bytes[head - 1]);
  if (bytes.size() < head + size) return std::nullopt;
  std::string version(bytes.substr(head, size));
  bytes.remove_prefix(head + size);
  return version;
}

void append_answer_head(std::uint32_t number, Code status, std::size_t size, std::string& out) {
  append_number(static_cast<std::uint32_t>(size + 5), out);
  append_number(number, out);
  out += static_cast<char>(status);
}

}  // namespace bimodal::rpc

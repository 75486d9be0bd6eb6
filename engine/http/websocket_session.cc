#include "http/websocket_session.h"

#include <algorithm>
#include <utility>

namespace bimodal::http {
namespace {

constexpr std::size_t kScratchSize = 64 * 1024;
constexpr std::size_t kMaxControl = 125;
constexpr std::size_t kMinCompressed = 128;  // what is shorter hardly shrinks
constexpr const char* kTooBig = "the message is too big";
constexpr std::string_view kDeflateTail("\0\0\xff\xff", 4);

// For the running call only.
struct Scratch {
  char unmasked[kScratchSize];
  char expanded[kScratchSize];
};

Scratch& scratch() {
  static thread_local Scratch buffers;
  return buffers;
}

std::string_view unmask(std::string_view masked, const WebSocketFrame& frame, std::uint64_t offset) {
  char* out = scratch().unmasked;
  masked.copy(out, masked.size());
  apply_mask(out, masked.size(), frame.mask, offset);
  return {out, masked.size()};
}

// The longest front of `text` that fits and doesn't end within a character.
std::string_view cut_text(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (text[size] & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace

bool is_close_code(std::uint32_t code) {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

WebSocketSession::WebSocketSession(
    Sink& sink, DeflatePool& pool, std::optional<DeflateTerms> terms, std::size_t max_message_bytes)
    : sink_(sink), pool_(pool), max_message_bytes_(max_message_bytes), terms_(terms) {}

WebSocketSession::~WebSocketSession() {
  pool_.give(std::move(inflater_));
  pool_.give(std::move(deflater_));
}

void WebSocketSession::receive(std::string_view bytes) {
  if (over_) return;
  if (!pending_.empty() || expanding_) {
    pending_.append(bytes);
    return consume_pending();
  }
  const std::size_t used = consume(bytes);
  if (!over_ && used < bytes.size()) pending_.assign(bytes, used);
}

void WebSocketSession::resume() {
  if (blocked_) consume_pending();
}

void WebSocketSession::consume_pending() {
  if (over_ || consuming_) return;
  const std::size_t used = consume(pending_);
  pending_.erase(0, over_ ? pending_.size() : used);
  if (pending_.empty()) pending_ = std::string();
}

// Consumes what it can and returns how much that is.
std::size_t WebSocketSession::consume(std::string_view input) {
  std::size_t at = 0;
  consuming_ = true;
  blocked_ = false;
  while (!over_) {
    const std::string_view rest = input.substr(at);
    if (!in_frame_) {
      const std::size_t used = rest.empty() ? 0 : consume_header(rest);
      if (used == 0) break;
      at += used;
      continue;
    }
    const bool control = is_control(frame_.opcode);
    at += control ? consume_control(rest) : consume_data(rest);
    if (in_frame_) break;  // more bytes or more room are needed
  }
  consuming_ = false;
  return at;
}

std::size_t WebSocketSession::consume_header(std::string_view input) {
  blocked_ = !closing_ && sink_.room() == 0;
  if (blocked_) return 0;
  const FrameResult result = parse_frame_header(input, terms_.has_value(), frame_);
  if (result.outcome == FrameResult::Outcome::NeedMore) return 0;
  const char* fault = result.outcome == FrameResult::Outcome::Bad ? result.reason : begin_frame();
  if (fault) {
    fail(CloseCode::ProtocolError, fault);
    return 0;
  }
  return result.size;
}

// What is wrong with the frame's place in its message; null if nothing is.
const char* WebSocketSession::begin_frame() {
  in_frame_ = true;
  frame_read_ = 0;
  if (is_control(frame_.opcode)) return nullptr;
  if (frame_.opcode == Opcode::Continuation) return in_message_ ? nullptr : "a continuation of no message";
  if (in_message_) return "a new message before the last one was complete";
  in_message_ = true;
  kind_ = frame_.opcode == Opcode::Text ? MessageKind::Text : MessageKind::Binary;
  message_size_ = 0;
  compressed_ = frame_.compressed;
  if (compressed_ && !closing_) inflater_ = pool_.take_inflater();
  return nullptr;
}

std::size_t WebSocketSession::consume_control(std::string_view input) {
  const std::size_t size = std::min<std::size_t>(input.size(), frame_.size - frame_read_);
  control_.append(unmask(input.substr(0, size), frame_, frame_read_));
  frame_read_ += size;
  if (frame_read_ < frame_.size) return size;
  in_frame_ = false;
  handle_control();
  control_ = std::string();
  return size;
}

void WebSocketSession::handle_control() {
  if (frame_.opcode == Opcode::Close) return handle_close();
  if (frame_.opcode == Opcode::Ping && !closing_) send_control(Opcode::Pong, control_);
}

void WebSocketSession::handle_close() {
  if (control_.size() == 1) return fail(CloseCode::ProtocolError, "a Close with half a code");
  auto code = static_cast<std::uint16_t>(CloseCode::NoCode);
  std::string reason;
  if (!control_.empty()) {
    code = static_cast<std::uint16_t>(
        static_cast<unsigned char>(control_[0]) << 8 | static_cast<unsigned char>(control_[1]));
    reason = control_.substr(2);
    if (!is_close_code(code)) return fail(CloseCode::ProtocolError, "an invalid close code");
    Utf8Check check;
    if (!check.feed(reason) || !check.complete())
      return fail(CloseCode::InvalidText, "a close reason that isn't UTF-8");
  }
  if (!std::exchange(closing_, true)) send_control(Opcode::Close, std::string_view(control_).substr(0, 2));
  over_ = true;
  sink_.on_end(code, reason);
}

std::size_t WebSocketSession::consume_data(std::string_view input) {
  if (closing_) {  // nobody wants it any more
    const std::size_t size = std::min<std::size_t>(input.size(), frame_.size - frame_read_);
    frame_read_ += size;
    if (frame_read_ == frame_.size) end_frame();
    return size;
  }
  if (compressed_) return consume_compressed(input);  // counts what it expands to
  if (frame_.size > max_message_bytes_ - (message_size_ - frame_read_)) {
    fail(CloseCode::MessageTooBig, kTooBig);
    return 0;
  }
  return consume_plain(input);
}

std::size_t WebSocketSession::consume_plain(std::string_view input) {
  std::size_t at = 0;
  while (in_frame_ && !over_) {
    const std::uint64_t left = frame_.size - frame_read_;
    if (left > 0 && at == input.size()) break;
    const std::size_t room = sink_.room();
    blocked_ = room == 0;
    if (blocked_) break;
    const std::size_t size =
        std::min({left, std::uint64_t{input.size() - at}, std::uint64_t{room}, std::uint64_t{kScratchSize}});
    const std::string_view piece = unmask(input.substr(at, size), frame_, frame_read_);
    at += size;
    frame_read_ += size;
    message_size_ += size;
    const bool frame_ends = frame_read_ == frame_.size;
    const Part part = frame_ends && frame_.fin ? Part::Last : Part::More;
    if ((size > 0 || part == Part::Last) && !deliver(piece, part)) break;
    if (frame_ends) end_frame();
  }
  return at;
}

// Expands as much as there is room for into one piece, delivers it, and so on.
std::size_t WebSocketSession::consume_compressed(std::string_view input) {
  std::size_t at = 0;
  while (in_frame_ && !over_) {
    const std::size_t room = std::min(sink_.room(), kScratchSize);
    blocked_ = room == 0;
    if (blocked_) break;
    std::size_t produced = 0;
    at += expand(input.substr(at), scratch().expanded, room, produced);
    if (over_) break;
    const bool frame_ends =
        !expanding_ && frame_read_ == frame_.size && (!frame_.fin || tail_read_ == kDeflateTail.size());
    const Part part = frame_ends && frame_.fin ? Part::Last : Part::More;
    const std::string_view piece(scratch().expanded, produced);
    if ((produced > 0 || part == Part::Last) && !deliver(piece, part)) break;
    if (frame_ends) {
      end_frame();
    } else if (!expanding_ && at == input.size()) {
      break;
    }
  }
  return at;
}

// Expands until `room` is full or nothing more can be had from `input`; returns how much of that was used.
std::size_t WebSocketSession::expand(std::string_view input, char* out, std::size_t room, std::size_t& produced) {
  std::size_t at = 0;
  while (produced < room) {
    const bool in_payload = frame_read_ < frame_.size;
    if (in_payload && at == input.size() && !expanding_) break;
    std::string_view source;
    if (in_payload) {
      const std::uint64_t size =
          std::min({frame_.size - frame_read_, std::uint64_t{input.size() - at}, std::uint64_t{kScratchSize}});
      source = unmask(input.substr(at, size), frame_, frame_read_);
    } else if (frame_.fin) {
      source = kDeflateTail.substr(tail_read_);
    }
    if (source.empty() && !expanding_) break;
    const Inflater::Step step = inflater_->expand(source, out + produced, room - produced);
    produced += step.produced;
    message_size_ += step.produced;
    expanding_ = step.outcome == Inflater::Step::Outcome::MoreOutput;
    if (step.outcome == Inflater::Step::Outcome::Bad)
      fail(CloseCode::ProtocolError, "a message that can't be expanded");
    if (!over_ && message_size_ > max_message_bytes_) fail(CloseCode::MessageTooBig, kTooBig);
    if (over_) break;
    if (in_payload) {
      at += step.consumed;
      frame_read_ += step.consumed;
    } else {
      tail_read_ = static_cast<std::uint8_t>(tail_read_ + step.consumed);
    }
  }
  return at;
}

// False when the text isn't valid, and the session over.
bool WebSocketSession::deliver(std::string_view piece, Part part) {
  const bool is_text = kind_ == MessageKind::Text;
  if (is_text && (!text_.feed(piece) || (part == Part::Last && !text_.complete()))) {
    fail(CloseCode::InvalidText, "a text that isn't UTF-8");
    return false;
  }
  sink_.on_message(kind_, piece, part);
  return !over_;
}

void WebSocketSession::end_frame() {
  in_frame_ = false;
  if (frame_.fin) end_message();
}

void WebSocketSession::end_message() {
  in_message_ = false;
  expanding_ = false;
  tail_read_ = 0;
  text_ = Utf8Check();
  pool_.give(std::move(inflater_));
}

void WebSocketSession::send(MessageKind kind, std::string_view piece, Part part) {
  if (closing()) return;
  if (!std::exchange(sending_, true)) {
    first_sent_ = false;
    const bool worth_it = part == Part::More || piece.size() >= kMinCompressed;
    if (terms_ && worth_it) deflater_ = pool_.take_deflater(terms_->server_window_bits);
  }
  const bool last = part == Part::Last;
  std::string compressed;
  if (deflater_) {
    deflater_->compress(piece, last, compressed);
    piece = compressed;
  }
  if (!last && piece.empty()) return;
  WebSocketFrame frame{.fin = last, .compressed = deflater_ && !first_sent_, .size = piece.size()};
  if (!first_sent_) frame.opcode = kind == MessageKind::Text ? Opcode::Text : Opcode::Binary;
  first_sent_ = true;
  std::string header;
  append_frame_header(header, frame);
  if (last) {
    sending_ = false;
    pool_.give(std::move(deflater_));
  }
  sink_.on_output(header, piece);
}

void WebSocketSession::ping() {
  if (!closing()) send_control(Opcode::Ping, {});
}

void WebSocketSession::close(std::uint16_t code, std::string_view reason) {
  if (closing()) return;
  send_close(code, reason);
  // What is still received of a message is dropped, and so is what waits.
  expanding_ = false;
  consume_pending();
}

void WebSocketSession::send_close(std::uint16_t code, std::string_view reason) {
  closing_ = true;
  if (code == static_cast<std::uint16_t>(CloseCode::NoCode)) return send_control(Opcode::Close, {});
  if (!is_close_code(code)) code = static_cast<std::uint16_t>(CloseCode::InternalError);
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
  payload.append(cut_text(reason, kMaxControl - payload.size()));
  send_control(Opcode::Close, payload);
}

void WebSocketSession::send_control(Opcode opcode, std::string_view payload) {
  std::string header;
  append_frame_header(header, {.opcode = opcode, .size = payload.size()});
  sink_.on_output(header, payload);
}

void WebSocketSession::fail(CloseCode code, std::string_view reason) {
  if (!closing_) send_close(static_cast<std::uint16_t>(code), reason);
  over_ = true;
  sink_.on_end(static_cast<std::uint16_t>(code), reason);
}

}  // namespace bimodal::http

// A WebSocket's bytes from a client: whatever comes, however it is cut and however slowly it is taken, the same
// messages are found in it, the same is answered, and it ends the same way.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "http/websocket_session.h"

namespace {

using namespace bimodal::http;

constexpr std::size_t kMaxMessage = 4096;

void require(bool condition) {
  if (!condition) std::abort();
}

// Echoes every message. Takes at most `room` bytes between two calls of refill().
class Echo final : public WebSocketSession::Sink {
 public:
  Echo(DeflatePool& pool, std::optional<DeflateTerms> terms, std::size_t room)
      : session(*this, pool, terms, kMaxMessage), room_(room), left_(room) {}

  void receive(std::string_view bytes) {
    session.receive(bytes);
    while (session.blocked() && !session.over()) {
      left_ = room_;
      session.resume();
    }
    left_ = room_;
  }

  WebSocketSession session;
  std::string messages;
  std::string output;
  std::string end;

 private:
  void on_output(std::string_view header, std::string_view payload) override {
    require(!header.empty());
    output.append(header).append(payload);
  }

  std::size_t room() override { return left_; }

  void on_message(MessageKind kind, std::string_view piece, Part part) override {
    require(end.empty() && piece.size() <= left_);
    left_ -= piece.size();
    message_.append(piece);
    require(message_.size() <= kMaxMessage);
    if (part == Part::More) return;
    messages.append(kind == MessageKind::Text ? "|text," : "|binary,").append(message_);
    session.send(kind, message_, Part::Last);
    message_.clear();
  }

  void on_end(std::uint16_t code, std::string_view reason) override {
    require(end.empty());
    end = std::to_string(code) + std::string(reason);
  }

  std::string message_;  // as far as it came
  std::size_t room_;
  std::size_t left_;
};

bool is_fault(const std::string& end) {
  return end.starts_with("1002") || end.starts_with("1007") || end.starts_with("1009");
}

void check(std::string_view bytes, std::optional<DeflateTerms> terms, std::size_t piece, std::size_t room) {
  static DeflatePool pool;
  Echo whole(pool, terms, kMaxMessage);
  whole.receive(bytes);
  Echo cut(pool, terms, room);
  for (std::size_t at = 0; at < bytes.size() && cut.end.empty(); at += piece) cut.receive(bytes.substr(at, piece));
  require(whole.messages == cut.messages);
  // Of several faults in one message, how far it was expanded when the first was looked for decides which is named.
  if (is_fault(whole.end) && is_fault(cut.end)) return;
  require(whole.output == cut.output);
  require(whole.end == cut.end);
}

}  // namespace

// The first bytes say how the rest is cut, how much is taken at a time, and what was agreed about compression.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 3), size - 3);
  std::optional<DeflateTerms> terms;
  if (data[2] & 1) terms = DeflateTerms{.server_window_bits = 9 + data[2] % 7};
  check(bytes, terms, 1 + data[0], 1 + data[1]);
  if (auto accepted = accept_deflate_offer(bytes)) {
    require(accepted->server_window_bits >= 9 && accepted->server_window_bits <= 15);
    require(!deflate_answer(*accepted).empty());
  }
  return 0;
}

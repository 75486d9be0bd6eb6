// RFC 6455 and RFC 7692, as much of them as an echo needs: whole messages in one frame each.
#include <zlib.h>

#include <cstdint>

#include "protocol.h"

namespace load {
namespace {

constexpr char kMask[4] = {0x12, 0x34, 0x56, 0x78};
constexpr std::uint8_t kFinal = 0x80, kCompressed = 0x40, kText = 1, kClose = 8;

// Text that compresses about as well as JSON does.
std::string message(std::size_t bytes) {
  std::string text;
  for (unsigned i = 0; text.size() < bytes; ++i) text += "{\"id\":" + std::to_string(i * 7919U % 100'000U) + "},";
  text.resize(bytes);
  return text;
}

std::string frame(std::string_view payload, std::uint8_t first) {
  std::string out(1, static_cast<char>(first));
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else {
    const bool is_short = payload.size() <= 0xffff;
    out += static_cast<char>(0x80 | (is_short ? 126 : 127));
    for (int shift = is_short ? 8 : 56; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
  }
  out.append(kMask, 4);
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ kMask[i % 4]);
  return out;
}

std::string deflated(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_SYNC_FLUSH);
  out.resize(stream.total_out - 4);  // less the empty block's 00 00 ff ff
  deflateEnd(&stream);
  return out;
}

class Inflater {
 public:
  Inflater() { inflateInit2(&stream_, -15); }
  ~Inflater() { inflateEnd(&stream_); }

  std::string_view operator()(std::string_view payload, std::size_t expected) {
    in_.assign(payload);
    in_.append("\x00\x00\xff\xff", 4);
    out_.resize(expected + 64);
    inflateReset(&stream_);
    stream_.next_in = reinterpret_cast<Bytef*>(in_.data());
    stream_.avail_in = static_cast<uInt>(in_.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
    stream_.avail_out = static_cast<uInt>(out_.size());
    inflate(&stream_, Z_SYNC_FLUSH);
    return std::string_view(out_).substr(0, stream_.total_out);
  }

 private:
  z_stream stream_{};
  std::string in_, out_;
};

class Echo : public Protocol {
 public:
  explicit Echo(WebSocketOptions options) : options_(std::move(options)), text_(message(options_.bytes)) {
    question_ = options_.deflate ? frame(deflated(text_), kFinal | kCompressed | kText) : frame(text_, kFinal | kText);
  }

  std::string greeting() const override {
    std::string out = "GET " + options_.path + " HTTP/1.1\r\nHost: " + options_.host + "\r\n";
    for (const std::string& header : options_.headers) out += header + "\r\n";
    out += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    out += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    if (options_.deflate)
      out += "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";
    return out + "\r\n";
  }

  void check_greeting(std::string_view head) const override {
    if (!head.starts_with("HTTP/1.1 101")) throw Void("no WebSocket: " + std::string(head));
    const bool agreed = head.find("permessage-deflate") != std::string_view::npos;
    if (agreed != options_.deflate) throw Void("permessage-deflate isn't as it was asked for: " + std::string(head));
  }

  const std::string& question() const override { return question_; }

  std::size_t answer(std::string_view in) override {
    std::size_t before = 0;
    for (;;) {
      const std::string_view rest = in.substr(before);
      if (rest.size() < 2) return 0;
      std::size_t head = 2;
      std::size_t length = static_cast<std::uint8_t>(rest[1]);
      if (length >= 126) {
        head += length == 126 ? 2 : 8;
        if (rest.size() < head) return 0;
        length = 0;
        for (std::size_t i = 2; i < head; ++i) length = length << 8 | static_cast<std::uint8_t>(rest[i]);
      }
      if (rest.size() < head + length) return 0;
      const auto first = static_cast<std::uint8_t>(rest[0]);
      if ((first & 0x0f) == kClose) throw Void("the server closed the WebSocket");
      before += head + length;
      if (first & 0x08) continue;  // a ping; runs are shorter than any server's patience for its answer
      verify(rest.substr(head, length), first & kCompressed);
      return before;
    }
  }

 private:
  void verify(std::string_view payload, bool is_compressed) {
    if ((is_compressed ? inflater_(payload, text_.size()) : payload) != text_) throw Void("another message came back");
  }

  WebSocketOptions options_;
  std::string text_, question_;
  Inflater inflater_;
};

}  // namespace

std::unique_ptr<Protocol> websocket_echo(WebSocketOptions options) {
  return std::make_unique<Echo>(std::move(options));
}

}  // namespace load

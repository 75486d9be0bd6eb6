// The server's side of one WebSocket (RFC 6455, and RFC 7692 where it was agreed), from bytes to messages and back.
// Loop-bound. It knows no socket and no HTTP: whoever owns it brings the bytes and takes them away.
//
// Memory: bytes that were received while the sink had no room stay here, so whoever calls receive() must bound what it
// brings then (blocked()). A message is never held: its pieces go on as they come. While a compressed message is under
// way it borrows its state from the loop's DeflatePool.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/message_deflate.h"
#include "http/service.h"
#include "http/utf8_check.h"
#include "http/websocket_frame.h"

namespace bimodal::http {

enum class MessageKind : std::uint8_t { Text, Binary };

// Codes of RFC 6455 §7.4.1 that we use.
enum class CloseCode : std::uint16_t {
  Normal = 1000,
  ProtocolError = 1002,
  NoCode = 1005,    // stands for a Close without one; never sent
  Abnormal = 1006,  // stands for no Close at all; never sent
  InvalidText = 1007,
  MessageTooBig = 1009,
  InternalError = 1011,
  ServiceRestart = 1012,
};

// Whether a peer may send that code: RFC 6455 §7.4, and what IANA registered since.
bool is_close_code(std::uint32_t code);

class WebSocketSession {
 public:
  class Sink {
   public:
    // Bytes for the peer: a frame's header, then its payload. May be called within any function of the session.
    virtual void on_output(std::string_view header, std::string_view payload) = 0;
    // How many bytes of message may be delivered now. 0 stops the session from reading on until resume().
    virtual std::size_t room() = 0;
    // The next piece of a message, at most room() bytes; of a text, checked so far, maybe cut within a character.
    virtual void on_message(MessageKind kind, std::string_view piece, Part part) = 0;
    // The peer closed, answered our close, or broke the protocol; `code` is what an application should be told. All
    // that had to be said was said: the connection is to be closed once it is written. Called once; nothing follows.
    virtual void on_end(std::uint16_t code, std::string_view reason) = 0;

   protected:
    ~Sink() = default;
  };

  // `pool` and `sink` outlive the session. Without `terms` nothing is compressed.
  WebSocketSession(Sink& sink, DeflatePool& pool, std::optional<DeflateTerms> terms, std::size_t max_message_bytes);
  ~WebSocketSession();

  void receive(std::string_view bytes);
  // Goes on with what was received, as far as there is room now.
  void resume();
  // Whether it stopped for want of room; resume() goes on then, more bytes don't.
  bool blocked() const { return blocked_; }

  // Sends the next piece of a message. Dropped once the session is closing.
  void send(MessageKind kind, std::string_view piece, Part part);
  // Begins the closing handshake; on_end() follows when the peer answers. An unsendable code becomes InternalError.
  void close(std::uint16_t code, std::string_view reason);
  void ping();

  bool closing() const { return closing_ || over_; }
  bool over() const { return over_; }

 private:
  struct Compression;

  void consume_pending();
  std::size_t consume(std::string_view input);
  std::size_t consume_header(std::string_view input);
  std::size_t consume_control(std::string_view input);
  std::size_t consume_data(std::string_view input);
  std::size_t consume_plain(std::string_view input);
  std::size_t consume_compressed(std::string_view input);
  std::size_t expand(std::string_view input, char* out, std::size_t room, std::size_t& produced);
  const char* begin_frame();
  bool deliver(std::string_view piece, Part part);
  void end_frame();
  void end_message();
  void handle_control();
  void handle_close();
  void send_control(Opcode opcode, std::string_view payload);
  void send_close(std::uint16_t code, std::string_view reason);
  void fail(CloseCode code, std::string_view reason);

  Sink& sink_;
  DeflatePool& pool_;
  const std::size_t max_message_bytes_;
  const std::optional<DeflateTerms> terms_;
  std::string pending_;  // received, not consumed
  std::string control_;  // the payload of the control frame that is being received

  WebSocketFrame frame_;
  std::uint64_t frame_read_ = 0;  // of its payload
  std::size_t message_size_ = 0;  // delivered of the message
  std::unique_ptr<Inflater> inflater_;
  std::unique_ptr<Deflater> deflater_;
  Utf8Check text_;
  MessageKind kind_ = MessageKind::Binary;  // of the incoming message
  std::uint8_t tail_read_ = 0;              // of the four bytes behind a compressed message
  bool in_frame_ = false;
  bool in_message_ = false;
  bool compressed_ = false;  // the incoming message is
  bool expanding_ = false;   // the inflater holds output for which there was no room
  bool sending_ = false;     // the outgoing message has begun
  bool first_sent_ = false;  // a frame of it was written
  bool closing_ = false;     // we sent Close
  bool over_ = false;
  bool blocked_ = false;
  bool consuming_ = false;
};

}  // namespace bimodal::http

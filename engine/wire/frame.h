// Frames between gateway and runner: the layout, and nothing else. Shared with the runner's extension module, so this
// module depends on the C++ standard library only.
//
// The container listens on a Unix stream socket (file descriptor kListenFd, already listening when Python starts).
// Every gateway loop makes one connection per container and multiplexes requests on it; `runtime` makes one more to
// learn when the container is ready. The runner accepts any number. One frame = 16-byte header + payload,
// little endian, header first:
//
//   u32 payload size (<= kMaxPayload)   u32 stream   u8 type   u8 flags   u16 zero   u32 extra
//
// A stream is one request; the gateway numbers them from 1 upwards per connection, never reuses one.
// Stream 0 carries Hello, Tally, Drain, Ping, Pong.
//
// A request: Request (head [+ whole body when kEnd]) then Body… with kEnd on the last; the runner answers Response
// (head [+ body]) then Body… with kEnd, then Done when the application's task ended (only then is the slot free).
// `extra` of Request is the size of the head; the rest of its payload is body. The same for Response.
// Credit: each side may send kInitialCredit bytes of body per stream unasked (a body inside a Request or
// Response frame counts too); Credit adds `extra` bytes. Cancel (gateway: the caller is gone or timed out) ends a
// stream: the runner delivers http.disconnect, and still sends Done. Abort (runner: the application failed) carries a
// one-line reason; the gateway answers 500 if no Response went out, else cuts the connection; Done follows.
//
// A WebSocket is a Request whose head says so, with kEnd. The runner answers Accept, or refuses with Close (the caller
// gets 403) or with a Response of its own. Then messages go both ways as Text and Binary frames, of at most
// kMaxInlineBody each, with kEnd on the last of a message; the frames of one message follow each other, and of one
// stream's messages none overtakes another. Each costs its payload and kMessageCost of the stream's credit, so that
// empty ones are bounded, too. Close ends the sender's messages. From the gateway it says that the caller has gone, how
// (1006: without a word), and that nothing more can be sent to it: the application gets websocket.disconnect behind
// what came before. From the runner it closes the connection. Done follows when the application's task ended; what
// isn't closed then is closed with 1000, after an Abort with 1011.
//
// What a container that dies had read of its connection decides which requests may go to another one, and no frame
// could say it without a write of its own before each request is begun. So the gateway's first frame, Tally, brings a
// descriptor (SCM_RIGHTS): a page of shared memory. The runner, whose Hello said kTallies, keeps in its first u64 how
// many bytes of this connection, Tally included, it has handled in whole frames, and stores that before it runs
// anything of what they ask for. When the runner's end closes, a stream whose Request begins at or behind that number
// was never begun. A peer that said no kTallies counts as having read all that was written, one that said no Hello as
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bimodal::wire {

inline constexpr int kVersion = 3;
inline constexpr int kListenFd = 3;  // the runner's listening socket inside the container
inline constexpr std::size_t kHeaderSize = 16;
inline constexpr std::uint32_t kMaxPayload = 128 * 1024;     // encoded head and inline body together
inline constexpr std::uint32_t kMaxInlineBody = 64 * 1024;   // body in a Request, Response or Body frame
inline constexpr std::uint32_t kInitialCredit = 256 * 1024;  // bytes of body per stream and direction
inline constexpr std::uint32_t kMessageCost = 64;  // credit that a Text or Binary frame takes besides its payload

enum class FrameType : std::uint8_t {
  Hello = 1,     // runner -> gateway, first frame: extra = kVersion; payload = task id (text), of the first Hello
                 // maybe a newline and how many microseconds ago the user's module was imported; flag kTallies
  Request = 2,   // gateway -> runner
  Response = 3,  // runner -> gateway
  Body = 4,      // both
  Credit = 5,    // both
  Cancel = 6,    // gateway -> runner; extra: 1 = caller gone, 2 = timed out, 3 = draining
  Abort = 7,     // runner -> gateway; payload: one line
  Done = 8,      // runner -> gateway: the stream is over, its slot is free
  Trailers = 9,  // runner -> gateway: headers as in head.h; one or more, then an empty Body with kEnd
  Drain = 10,    // gateway -> runner, stream 0: finish running requests, then end the seat for good
  Ping = 11,     // both, stream 0; answered by Pong with the same extra
  Pong = 12,
  Tally = 13,   // gateway -> runner, first frame if any; brings a descriptor
  Accept = 16,  // runner -> gateway: the WebSocket is accepted; payload: AcceptHead of head.h
  Text = 17,    // both: a piece of a text message; the whole message is valid UTF-8
  Binary = 18,  // both: a piece of a binary message
  Close = 19,   // both: extra = close code, payload = reason, valid UTF-8 of at most kMaxCloseReason bytes
};

inline constexpr std::size_t kMaxCloseReason = 123;  // what fits a WebSocket's Close frame

// Whether an application may close with it: the codes of RFC 6455 §7.4 that may be sent, and what IANA registered
// since.
constexpr bool is_close_code(std::int64_t code) {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

inline constexpr std::uint8_t kEnd = 1;      // flag: nothing more of this body follows
inline constexpr std::uint8_t kTallies = 2;  // flag of Hello: the runner keeps a tally

struct FrameHeader {
  std::uint32_t size = 0;
  std::uint32_t stream = 0;
  FrameType type = FrameType::Ping;
  std::uint8_t flags = 0;
  std::uint32_t extra = 0;
};

// Writes the kHeaderSize bytes of `header` to `out`.
void encode(const FrameHeader& header, char* out);

// Reads kHeaderSize bytes. Nothing when no peer of ours can have sent them: a payload over kMaxPayload, a head larger
// than its payload, a reserved byte set. The type may be one that this version doesn't know.
std::optional<FrameHeader> decode_frame_header(const char* bytes);

// Appends a whole frame; header.size is taken from `payload`, which must not exceed kMaxPayload.
void append_frame(std::string& out, FrameHeader header, std::string_view payload = {});

}  // namespace bimodal::wire

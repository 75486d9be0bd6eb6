// Unary calls of a container without HTTP/2: frames on a stream connection, numbers little-endian.
//
//   greeting, once       "BMF1", u8 size, the client's version
//   call                 u32 size of the rest, u32 number, u8 0, u8 size, path of the RPC, u8 size, idempotency key,
//   u32 milliseconds
//                        until the caller gives up (0: never), request message
//   cancellation         u32 size of the rest, u32 number, u8 1
//   answer               u32 size of the rest, u32 number, u8 gRPC status, response message or the error's text
//
// Messages, statuses and their meaning are those of gRPC: it is another way for the same calls, which spares the
// client's HTTP/2 in Python. runner/python/bimodal_runner/frames.py is the other side. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bimodal::rpc {

inline constexpr std::string_view kFramesGreeting = "BMF1";
inline constexpr std::size_t kMaxFrame = std::size_t{128} << 20;

struct CallFrame {
  std::uint32_t number = 0;
  bool cancels = false;
  std::string_view path, idempotency_key, request;  // into what was read; empty for a cancellation
  std::uint32_t timeout_ms = 0;
};

// Takes one frame from the front of `bytes`. Nothing: more is needed. InvalidArgument: it can't be one.
Result<std::optional<CallFrame>> take_call_frame(std::string_view& bytes);

// The greeting in front of `bytes`: the client's version. As take_call_frame().
Result<std::optional<std::string>> take_greeting(std::string_view& bytes);

// Appends the head of an answer whose payload of `size` bytes follows.
void append_answer_head(std::uint32_t number, Code status, std::size_t size, std::string& out);

}  // namespace bimodal::rpc

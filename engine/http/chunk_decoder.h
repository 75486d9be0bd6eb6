// The chunked transfer coding of a request body (RFC 9112 §7.1), byte by byte and strict. Pure; copies nothing.
//
// A size is 1 to 15 hex digits with nothing before or behind; every line ends in CRLF; extensions (at most
// kMaxExtension bytes per chunk) and trailers (at most kMaxTrailers bytes) are checked, and dropped unless
// keep_trailers() was called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bimodal::http {

class ChunkDecoder {
 public:
  static constexpr std::size_t kMaxExtension = 256;
  static constexpr std::size_t kMaxTrailers = 8 * 1024;

  enum class Outcome { NeedMore, Body, End, Bad };
  struct Step {
    Outcome outcome = Outcome::NeedMore;
    std::size_t consumed = 0;  // bytes of `input` that are done with
    std::string_view body;     // Body: the next bytes of the body, inside `input`
  };

  // Before next().
  void keep_trailers() { keeps_trailers_ = true; }
  // After End: the trailer section as it came, lines of "name: value\r\n".
  const std::string& trailers() const { return trailers_; }

  // Decodes up to and including the next run of body, of at most `max_body` (> 0) bytes. After End or Bad, no more.
  Step next(std::string_view input, std::size_t max_body);

 private:
  enum class State {
    SizeFirst,
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    LineStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    FinalLf
  };

  bool feed(char c);
  bool size_digit(char c);
  bool after_size(char c);
  bool trailer_char(char c);

  State state_ = State::SizeFirst;
  std::uint64_t left_ = 0;     // of this chunk
  std::uint32_t counted_ = 0;  // digits, then bytes of extension; in the trailers their bytes
  bool ended_ = false;
  bool keeps_trailers_ = false;
  std::string trailers_;
};

}  // namespace bimodal::http

#include "http/chunk_decoder.h"

#include <algorithm>

#include "http/chars.h"

namespace bimodal::http {
namespace {

constexpr std::uint32_t kMaxDigits = 15;  // 2^60: no sum of ours overflows

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
  return -1;
}

}  // namespace

ChunkDecoder::Step ChunkDecoder::next(std::string_view input, std::size_t max_body) {
  std::size_t at = 0;
  while (at < input.size()) {
    if (state_ == State::Data) {
      std::size_t size = std::min({input.size() - at, max_body, static_cast<std::size_t>(left_)});
      left_ -= size;
      if (left_ == 0) state_ = State::DataCr;
      return {Outcome::Body, at + size, input.substr(at, size)};
    }
    if (!feed(input[at++])) return {Outcome::Bad, at, {}};
    if (ended_) return {Outcome::End, at, {}};
  }
  return {Outcome::NeedMore, at, {}};
}

bool ChunkDecoder::feed(char c) {
  switch (state_) {
    case State::SizeFirst:
      return size_digit(c);
    case State::Size:
      return hex_value(c) >= 0 ? size_digit(c) : after_size(c);
    case State::Extension:
      if (c == '\r') {
        state_ = State::SizeLf;
        return true;
      }
      return is_value_char(c) && ++counted_ <= kMaxExtension;
    case State::SizeLf:
      state_ = left_ > 0 ? State::Data : State::LineStart;
      counted_ = 0;
      return c == '\n';
    case State::DataCr:
      state_ = State::DataLf;
      return c == '\r';
    case State::DataLf:
      state_ = State::SizeFirst;
      return c == '\n';
    case State::FinalLf:
      ended_ = true;
      return c == '\n';
    default:
      return trailer_char(c);
  }
}

bool ChunkDecoder::size_digit(char c) {
  int digit = hex_value(c);
  if (digit < 0) return false;
  if (state_ == State::SizeFirst) left_ = counted_ = 0;
  state_ = State::Size;
  left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
  return ++counted_ <= kMaxDigits;
}

bool ChunkDecoder::after_size(char c) {
  counted_ = 0;
  state_ = c == ';' ? State::Extension : State::SizeLf;
  return c == ';' || c == '\r';
}

bool ChunkDecoder::trailer_char(char c) {
  if (++counted_ > kMaxTrailers) return false;
  if (keeps_trailers_) trailers_.push_back(c);
  switch (state_) {
    case State::LineStart:
      state_ = c == '\r' ? State::FinalLf : State::TrailerName;
      return c == '\r' || is_token_char(c);
    case State::TrailerName:
      if (c == ':') state_ = State::TrailerValue;
      return c == ':' || is_token_char(c);
    case State::TrailerValue:
      if (c == '\r') state_ = State::TrailerLf;
      return c == '\r' || is_value_char(c);
    default:  // TrailerLf
      state_ = State::LineStart;
      return c == '\n';
  }
}

}  // namespace bimodal::http

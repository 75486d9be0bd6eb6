// Request heads and chunked bodies: no input may crash the parsers, and how the bytes were cut must not matter.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/chunk_decoder.h"
#include "http/request_head.h"

namespace {

using bimodal::http::ChunkDecoder;
using bimodal::http::HeadResult;
using bimodal::http::RequestHead;

constexpr std::size_t kLimit = 64 * 1024;

void require(bool condition) {
  if (!condition) std::abort();
}

HeadResult parse_in_pieces(std::string bytes, std::size_t piece, RequestHead& head) {
  std::size_t resume = 0;
  HeadResult result;
  for (std::size_t size = 0; size < bytes.size() && result.outcome == HeadResult::Outcome::NeedMore;) {
    size = std::min(bytes.size(), size + piece);
    result = parse_request_head(bytes.data(), size, kLimit, resume, head);
  }
  return result;
}

void check_head(const std::string& bytes, std::size_t piece) {
  RequestHead whole;
  RequestHead cut;
  HeadResult at_once = parse_in_pieces(bytes, bytes.size(), whole);
  HeadResult in_pieces = parse_in_pieces(bytes, piece, cut);
  require(at_once.outcome == in_pieces.outcome);
  require(at_once.status == in_pieces.status);
  require(at_once.size == in_pieces.size);
  if (at_once.outcome != HeadResult::Outcome::Complete) return;
  require(!(whole.chunked && whole.content_length));
  require(whole.content_length == cut.content_length && whole.chunked == cut.chunked);
  require(whole.fields.size() == cut.fields.size());
}

struct Decoded {
  ChunkDecoder::Outcome outcome = ChunkDecoder::Outcome::NeedMore;
  std::string body;
  std::size_t consumed = 0;
};

Decoded decode_in_pieces(std::string_view bytes, std::size_t piece) {
  ChunkDecoder decoder;
  Decoded decoded;
  while (!bytes.empty()) {
    ChunkDecoder::Step step = decoder.next(bytes.substr(0, piece), piece);
    decoded.outcome = step.outcome;
    decoded.body.append(step.body);
    decoded.consumed += step.consumed;
    if (step.outcome == ChunkDecoder::Outcome::End || step.outcome == ChunkDecoder::Outcome::Bad) break;
    require(step.consumed > 0);
    bytes.remove_prefix(step.consumed);
  }
  return decoded;
}

void check_chunks(const std::string& bytes, std::size_t piece) {
  Decoded at_once = decode_in_pieces(bytes, bytes.size());
  Decoded in_pieces = decode_in_pieces(bytes, piece);
  const bool over = at_once.outcome == ChunkDecoder::Outcome::End || at_once.outcome == ChunkDecoder::Outcome::Bad;
  require(!over || at_once.outcome == in_pieces.outcome);
  require(at_once.body == in_pieces.body);
  require(at_once.consumed == in_pieces.consumed);
}

}  // namespace

// The first byte says how the rest is cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = 1 + data[0];
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  check_head(bytes, piece);
  check_chunks(bytes, piece);
  return 0;
}

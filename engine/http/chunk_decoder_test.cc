#include "http/chunk_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace bimodal::http {
namespace {

struct Decoded {
  ChunkDecoder::Outcome outcome = ChunkDecoder::Outcome::NeedMore;
  std::string body;
  std::size_t consumed = 0;
};

// Gives the decoder `piece` bytes at a time.
Decoded decode(std::string_view input, std::size_t piece, std::size_t max_body = 1 << 20) {
  ChunkDecoder decoder;
  Decoded decoded;
  for (std::size_t at = 0; at < input.size();) {
    std::string_view window = input.substr(at, piece);
    while (!window.empty()) {
      ChunkDecoder::Step step = decoder.next(window, max_body);
      decoded.body.append(step.body);
      decoded.consumed += step.consumed;
      decoded.outcome = step.outcome;
      if (step.outcome == ChunkDecoder::Outcome::End || step.outcome == ChunkDecoder::Outcome::Bad) return decoded;
      EXPECT_LE(step.body.size(), max_body);
      window.remove_prefix(step.consumed);
      at += step.consumed;
    }
  }
  return decoded;
}

TEST(ChunkDecoder, GivesTheSameBodyHoweverItIsCut) {
  const std::string input = "4\r\nbody\r\n00A;ext=\"v\"\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n";
  for (std::size_t piece = 1; piece <= input.size(); ++piece) {
    for (std::size_t max_body : {1, 3, 1000}) {
      Decoded decoded = decode(input + "next", piece, max_body);
      EXPECT_EQ(decoded.outcome, ChunkDecoder::Outcome::End);
      EXPECT_EQ(decoded.body, "body0123456789");
      EXPECT_EQ(decoded.consumed, input.size());
    }
  }
}

TEST(ChunkDecoder, KeepsTrailersForWhoAsksForThem) {
  const std::string_view input = "4\r\nbody\r\n0\r\nX-Sum: 1\r\nx-two:2\r\n\r\n";
  for (const bool keeps : {false, true}) {
    ChunkDecoder decoder;
    if (keeps) decoder.keep_trailers();
    std::size_t at = 0;
    while (at < input.size()) at += decoder.next(input.substr(at, 5), 100).consumed;
    EXPECT_EQ(decoder.trailers().starts_with("X-Sum: 1\r\nx-two:2\r\n"), keeps);
    EXPECT_EQ(decoder.trailers().empty(), !keeps);
  }
}

struct BadChunk {
  const char* name;
  std::string bytes;
};

const BadChunk kBadChunks[] = {
    {"EmptySize", "\r\nbody\r\n0\r\n\r\n"},
    {"NoDigits", "x\r\n"},
    {"HexPrefix", "0x4\r\nbody\r\n"},
    {"Plus", "+4\r\nbody\r\n"},
    {"Minus", "-4\r\nbody\r\n"},
    {"BlankBefore", " 4\r\nbody\r\n"},
    {"BlankBehind", "4 \r\nbody\r\n"},
    {"BlankBeforeExtension", "4 ;a\r\nbody\r\n"},
    {"TabBehind", "4\t\r\nbody\r\n"},
    {"Underscore", "1_0\r\n"},
    {"TooManyDigits", "0000000000000004\r\nbody\r\n"},
    {"Overflow", "ffffffffffffffff1\r\n"},
    {"BareLfBehindSize", "4\nbody\r\n"},
    {"BareCrBehindSize", "4\rbody\r\n"},
    {"BareCrInExtension", "4;a\rb\r\nbody\r\n"},
    {"BareLfInExtension", "4;a\nb\r\nbody\r\n"},
    {"NulInExtension", std::string("4;a\0\r\nbody\r\n", 12)},
    {"LongExtension", "4;" + std::string(ChunkDecoder::kMaxExtension + 1, 'a') + "\r\n"},
    {"DataTooLong", "4\r\nbodyx\r\n"},
    {"DataWithoutEnd", "4\r\nbody0\r\n\r\n"},
    {"DataEndsInLf", "4\r\nbody\n0\r\n\r\n"},
    {"DataEndsInCr", "4\r\nbody\r0\r\n\r\n"},
    {"TrailerWithoutColon", "0\r\nX-Sum\r\n\r\n"},
    {"TrailerWithBlank", "0\r\nX Sum: 1\r\n\r\n"},
    {"TrailerFold", "0\r\nX-Sum: 1\r\n 2\r\n\r\n"},
    {"TrailerBareLf", "0\r\nX-Sum: 1\n\r\n"},
    {"TrailerWithoutName", "0\r\n: 1\r\n\r\n"},
    {"TrailerNul", std::string("0\r\nX: \0\r\n\r\n", 11)},
    {"TrailersTooLarge", "0\r\nX: " + std::string(ChunkDecoder::kMaxTrailers, 'a') + "\r\n\r\n"},
    {"EndsInBareLf", "0\r\n\n"},
};

class BadChunkedBody : public testing::TestWithParam<BadChunk> {};

TEST_P(BadChunkedBody, IsRefused) {
  for (std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{100'000}}) {
    EXPECT_EQ(decode(GetParam().bytes, piece).outcome, ChunkDecoder::Outcome::Bad) << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(All, BadChunkedBody, testing::ValuesIn(kBadChunks), [](const auto& info) {
  return info.param.name;
});

}  // namespace
}  // namespace bimodal::http

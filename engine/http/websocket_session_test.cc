// A session against the frames that a client may send, good and bad.
#include "http/websocket_session.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace bimodal::http {
namespace {

constexpr std::size_t kLimit = 1 << 20;
constexpr std::array<char, 4> kMask{'\x12', '\x34', '\x56', '\x78'};

std::string client_frame(Opcode opcode, std::string_view payload, bool fin = true, bool compressed = false) {
  std::string frame;
  append_frame_header(frame, {.opcode = opcode, .fin = fin, .compressed = compressed, .size = payload.size()});
  frame[1] = static_cast<char>(frame[1] | 0x80);
  frame.append(kMask.data(), kMask.size());
  std::string masked(payload);
  apply_mask(masked.data(), masked.size(), kMask, 0);
  return frame + masked;
}

// The application's side: takes everything unless told otherwise.
class Recorder : public WebSocketSession::Sink {
 public:
  void on_output(std::string_view header, std::string_view payload) override { output.append(header).append(payload); }
  std::size_t room() override { return std::min(free, piece_limit); }
  void on_message(MessageKind kind, std::string_view piece, Part part) override {
    ASSERT_LE(piece.size(), room());
    free -= piece.size();
    partial.append(piece);
    if (part == Part::More) return;
    messages.push_back((kind == MessageKind::Text ? "t:" : "b:") + partial);
    partial.clear();
  }
  void on_end(std::uint16_t code, std::string_view) override { ends.push_back(code); }

  std::string output;
  std::string partial;
  std::vector<std::string> messages;
  std::vector<int> ends;
  std::size_t free = std::numeric_limits<std::size_t>::max();
  std::size_t piece_limit = 64 * 1024;
};

struct Fixture {
  explicit Fixture(std::optional<DeflateTerms> terms = {}) : session(recorder, pool, terms, kLimit) {}

  // The close code that was sent, or 0.
  int sent_close() const {
    const std::size_t at = recorder.output.rfind('\x88');
    if (at == std::string::npos || recorder.output.size() < at + 4) return 0;
    return static_cast<unsigned char>(recorder.output[at + 2]) << 8 |
           static_cast<unsigned char>(recorder.output[at + 3]);
  }
  void expect_failure(int code) {
    EXPECT_EQ(recorder.ends, std::vector<int>{code});
    EXPECT_EQ(sent_close(), code);
    EXPECT_TRUE(session.over());
  }

  DeflatePool pool;
  Recorder recorder;
  WebSocketSession session;
};

std::string compressed(std::string_view text, int window_bits = 15) {
  std::string out;
  Deflater(window_bits).compress(text, true, out);
  return out;
}

TEST(WebSocketSession, DeliversMessagesHoweverTheBytesAreCut) {
  const std::string bytes = client_frame(Opcode::Text, "caf\xc3\xa9") + client_frame(Opcode::Text, "one", false) +
                            client_frame(Opcode::Ping, "p") + client_frame(Opcode::Continuation, "two") +
                            client_frame(Opcode::Binary, std::string(70000, 'x')) + client_frame(Opcode::Binary, "");
  for (std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, bytes.size()}) {
    Fixture fixture;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      fixture.session.receive(std::string_view(bytes).substr(at, step));
      EXPECT_FALSE(fixture.session.blocked());  // half a header waits for bytes and not for room
    }
    EXPECT_EQ(
        fixture.recorder.messages,
        (std::vector<std::string>{"t:caf\xc3\xa9", "t:onetwo", "b:" + std::string(70000, 'x'), "b:"}));
    EXPECT_EQ(fixture.recorder.output, "\x8a\x01p");
  }
}

TEST(WebSocketSession, DeliversCompressedMessagesHoweverTheBytesAreCut) {
  const std::string zeros(300000, '0');
  const std::string whole = compressed("caf\xc3\xa9 " + zeros);
  const std::string bytes =
      client_frame(Opcode::Text, whole.substr(0, 9), false, true) + client_frame(Opcode::Continuation, "", false) +
      client_frame(Opcode::Continuation, whole.substr(9)) + client_frame(Opcode::Binary, compressed(""), true, true) +
      client_frame(Opcode::Text, "plain");
  for (std::size_t step : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    Fixture fixture{DeflateTerms{}};
    for (std::size_t at = 0; at < bytes.size(); at += step)
      fixture.session.receive(std::string_view(bytes).substr(at, step));
    EXPECT_EQ(fixture.recorder.messages, (std::vector<std::string>{"t:caf\xc3\xa9 " + zeros, "b:", "t:plain"}));
    EXPECT_FALSE(fixture.session.blocked());
  }
}

TEST(WebSocketSession, WaitsForRoomInTheMiddleOfAMessage) {
  for (const bool deflate : {false, true}) {
    Fixture fixture{deflate ? std::optional(DeflateTerms{}) : std::nullopt};
    fixture.recorder.free = 10;
    const std::string text(100000, 'a');
    const std::string payload = deflate ? compressed(text) : text;
    fixture.session.receive(client_frame(Opcode::Text, payload, true, deflate) + client_frame(Opcode::Text, "next"));
    EXPECT_EQ(fixture.recorder.partial.size(), 10u);
    EXPECT_TRUE(fixture.session.blocked());
    while (fixture.session.blocked()) {
      fixture.recorder.free = 30000;
      fixture.session.resume();
    }
    EXPECT_EQ(fixture.recorder.messages, (std::vector<std::string>{"t:" + text, "t:next"}));
  }
}

TEST(WebSocketSession, EndsWhatIsNoProtocol) {
  const std::string text = client_frame(Opcode::Text, "x");
  std::string unmasked = text;
  unmasked[1] = 1;
  std::string reserved = text;
  reserved[0] = '\xa1';
  std::string compressed_without_terms = text;
  compressed_without_terms[0] = '\xc1';
  std::string unknown = text;
  unknown[0] = '\x83';
  const std::string long_form = std::string("\x82\xfe\x00\x05", 4) + std::string(9, 'x');
  const std::string negative = std::string("\x82\xff\x80\0\0\0\0\0\0\0", 10) + std::string(4, 'x');
  for (const std::string& bytes :
       {unmasked, reserved, compressed_without_terms, unknown, long_form, negative,
        client_frame(Opcode::Ping, "", false), client_frame(Opcode::Ping, std::string(126, 'x')),
        client_frame(Opcode::Continuation, ""), client_frame(Opcode::Text, "", false) + client_frame(Opcode::Text, ""),
        client_frame(Opcode::Close, "x"), client_frame(Opcode::Close, std::string("\x03\xed", 2)),
        client_frame(Opcode::Close, std::string("\x00\x00", 2))}) {
    Fixture fixture;
    fixture.session.receive(bytes + client_frame(Opcode::Text, "after"));
    fixture.expect_failure(1002);
    EXPECT_TRUE(fixture.recorder.messages.empty());
  }
}

TEST(WebSocketSession, EndsATextAtItsFirstWrongByte) {
  for (const char* wrong : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80", "\xf0\x80\x80\x80"}) {
    Fixture fixture;
    const std::string frame = client_frame(Opcode::Text, wrong + std::string(100, 'x'), false);
    fixture.session.receive(std::string_view(frame).substr(0, frame.size() - 90));
    fixture.expect_failure(1007);
  }
  Fixture cut;
  cut.session.receive(client_frame(Opcode::Text, "\xc3", false) + client_frame(Opcode::Continuation, "\xa9"));
  EXPECT_EQ(cut.recorder.messages, std::vector<std::string>{"t:\xc3\xa9"});
  cut.session.receive(client_frame(Opcode::Text, "\xc3"));
  cut.expect_failure(1007);
}

TEST(WebSocketSession, TakesAMessageOfTheLimitAndNotOneByteMore) {
  for (const bool deflate : {false, true}) {
    const std::string most(kLimit, 'x');
    auto frame = [&](const std::string& text) {
      return client_frame(Opcode::Binary, deflate ? compressed(text) : text, true, deflate);
    };
    Fixture fixture{deflate ? std::optional(DeflateTerms{}) : std::nullopt};
    fixture.session.receive(frame(most));
    EXPECT_EQ(fixture.recorder.messages.size(), 1u);
    fixture.session.receive(frame(most + "x"));
    fixture.expect_failure(1009);
  }
  Fixture fragments;
  fragments.session.receive(client_frame(Opcode::Binary, std::string(kLimit, 'x'), false));
  EXPECT_TRUE(fragments.recorder.ends.empty());
  fragments.session.receive(client_frame(Opcode::Continuation, "x"));
  fragments.expect_failure(1009);
}

TEST(WebSocketSession, CountsWhatACompressedMessageExpandsTo) {
  Fixture fixture{DeflateTerms{}};
  std::string noise(kLimit, '\0');
  for (std::size_t i = 0, state = 1; i < noise.size(); ++i)
    noise[i] = static_cast<char>((state = state * 48271 % 2147483647) >> 8);
  const std::string larger = compressed(noise);
  ASSERT_GT(larger.size(), kLimit);
  fixture.session.receive(client_frame(Opcode::Binary, larger, true, true));
  EXPECT_EQ(fixture.recorder.messages, std::vector<std::string>{"b:" + noise});
}

TEST(WebSocketSession, StopsExpandingAtTheLimit) {
  Fixture fixture{DeflateTerms{}};
  fixture.session.receive(client_frame(Opcode::Binary, compressed(std::string(500 * kLimit / 10, '\0')), true, true));
  fixture.expect_failure(1009);
  EXPECT_LE(fixture.recorder.partial.size(), kLimit);
}

TEST(WebSocketSession, EndsWhatCannotBeExpanded) {
  Fixture fixture{DeflateTerms{}};
  fixture.session.receive(client_frame(Opcode::Binary, "\xff\xff\xff\xff", true, true));
  fixture.expect_failure(1002);
}

TEST(WebSocketSession, AnswersACloseWithItsCode) {
  Fixture fixture;
  fixture.session.receive(
      client_frame(
          Opcode::Close,
          "\x0f\xa1"
          "bye") +
      client_frame(Opcode::Text, "after"));
  EXPECT_EQ(fixture.recorder.output, "\x88\x02\x0f\xa1");
  EXPECT_EQ(fixture.recorder.ends, std::vector<int>{4001});
  Fixture bare;
  bare.session.receive(client_frame(Opcode::Close, ""));
  EXPECT_EQ(bare.recorder.output, std::string("\x88\0", 2));
  EXPECT_EQ(bare.recorder.ends, std::vector<int>{1005});
}

TEST(WebSocketSession, WaitsForTheAnswerToItsCloseAndDropsWhatComesBefore) {
  Fixture fixture;
  fixture.recorder.free = 0;
  fixture.session.receive(client_frame(Opcode::Text, "one"));
  EXPECT_TRUE(fixture.session.blocked());
  fixture.session.close(1000, "done");
  EXPECT_EQ(
      fixture.recorder.output,
      "\x88\x06\x03\xe8"
      "done");
  fixture.session.receive(client_frame(Opcode::Text, "\xff") + client_frame(Opcode::Ping, ""));
  EXPECT_TRUE(fixture.recorder.ends.empty());
  fixture.session.send(MessageKind::Text, "late", Part::Last);
  fixture.session.receive(client_frame(Opcode::Close, "\x03\xe8"));
  EXPECT_EQ(fixture.recorder.ends, std::vector<int>{1000});
  EXPECT_TRUE(fixture.recorder.messages.empty());
  EXPECT_EQ(fixture.recorder.output.size(), 8u);
}

TEST(WebSocketSession, CutsALongReasonBetweenCharacters) {
  Fixture fixture;
  std::string reason(122, 'r');
  fixture.session.close(1000, reason + "\xc3\xa9");
  EXPECT_EQ(fixture.recorder.output.size(), 2u + 2 + 122);
}

// Expands what a session sent as one message.
std::string expanded(std::string_view frames) {
  Inflater inflater;
  std::string text(4 << 20, '\0');
  std::size_t size = 0;
  bool is_first = true;
  bool fin = false;
  while (!fin) {
    std::uint64_t length = frames[1] & 0x7f;
    std::size_t header = 2;
    if (length == 126) {
      length = static_cast<std::uint64_t>(static_cast<unsigned char>(frames[2])) << 8 |
               static_cast<unsigned char>(frames[3]);
      header = 4;
    }
    EXPECT_EQ((frames[0] & 0x40) != 0, is_first);
    fin = (frames[0] & 0x80) != 0;
    is_first = false;
    size += inflater.expand(frames.substr(header, length), text.data() + size, text.size() - size).produced;
    frames.remove_prefix(header + length);
  }
  EXPECT_TRUE(frames.empty());
  size += inflater.expand(std::string_view("\0\0\xff\xff", 4), text.data() + size, text.size() - size).produced;
  text.resize(size);
  return text;
}

TEST(WebSocketSession, CompressesWhatItSendsWhereThatWasAgreed) {
  for (const int bits : {9, 12, 15}) {
    Fixture fixture{DeflateTerms{.server_window_bits = bits}};
    std::string text;
    for (int i = 0; i < 30000; ++i) text += std::to_string(i % 977) + " ";
    fixture.session.send(MessageKind::Text, text.substr(0, 50000), Part::More);
    fixture.session.send(MessageKind::Text, text.substr(50000), Part::Last);
    EXPECT_LT(fixture.recorder.output.size(), text.size() / 2);
    EXPECT_EQ(expanded(fixture.recorder.output), text);
  }
}

TEST(WebSocketSession, SendsShortMessagesAsTheyAre) {
  Fixture fixture{DeflateTerms{}};
  fixture.session.send(MessageKind::Text, "short", Part::Last);
  fixture.session.send(MessageKind::Binary, "", Part::Last);
  EXPECT_EQ(fixture.recorder.output, std::string("\x81\x05short\x82\0", 9));
}

TEST(WebSocketSession, SendsAsItIsWhenAllStatesAreLent) {
  DeflatePool pool;
  Recorder recorder;
  std::vector<std::unique_ptr<Deflater>> lent;
  while (auto deflater = pool.take_deflater(15)) lent.push_back(std::move(deflater));
  EXPECT_EQ(lent.size(), DeflatePool::kMaxDeflaters);
  WebSocketSession session(recorder, pool, DeflateTerms{}, kLimit);
  session.send(MessageKind::Text, std::string(200, 'x'), Part::Last);
  EXPECT_EQ(recorder.output.size(), 204u);
  for (auto& deflater : lent) pool.give(std::move(deflater));
  session.send(MessageKind::Text, std::string(200, 'x'), Part::Last);
  EXPECT_LT(recorder.output.size(), 230u);
}

TEST(DeflateOffer, TakesTheFirstThatIsWellFormed) {
  auto answer = [](std::string_view header) {
    const auto terms = accept_deflate_offer(header);
    return terms ? deflate_answer(*terms) : std::string("none");
  };
  const std::string plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  EXPECT_EQ(answer("permessage-deflate"), plain);
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits"), plain);
  EXPECT_EQ(answer("x-other, permessage-deflate;client_max_window_bits=10;server_no_context_takeover"), plain);
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=10"), plain + "; server_max_window_bits=10");
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=\"9\""), plain + "; server_max_window_bits=9");
  EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=8, permessage-deflate"), plain);
  for (const char* bad :
       {"", "x-other", "permessage-deflate; unknown", "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=\"9"}) {
    EXPECT_EQ(answer(bad), "none") << bad;
  }
}

}  // namespace
}  // namespace bimodal::http

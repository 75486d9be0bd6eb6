// permessage-deflate (RFC 7692): its negotiation, and compressing and expanding messages with zlib. Loop-bound.
//
// Neither side keeps a window from one message to the next: the server says so for itself and asks the same of the
// client, which must comply (§7.1.1). A connection therefore holds no compression state between messages, and the
// loop's connections share a few.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bimodal::http {

struct DeflateTerms {
  int server_window_bits = 15;       // 9…15: what we may compress with
  bool names_server_window = false;  // the answer repeats it
};

// The first offer in a Sec-WebSocket-Extensions header that can be accepted; nothing when there is none, or none that
// is well formed. Windows of 8 bits are declined: zlib can't make them.
std::optional<DeflateTerms> accept_deflate_offer(std::string_view header);

// What the response says about it.
std::string deflate_answer(const DeflateTerms& terms);

// One message on its way in.
class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  struct Step {
    enum class Outcome { NeedInput, MoreOutput, Bad };
    Outcome outcome = Outcome::NeedInput;
    std::size_t consumed = 0;  // of the input
    std::size_t produced = 0;  // written to `out`
  };
  // Expands into at most `size` (> 0) bytes at `out`. MoreOutput: call again with the rest of the input, even if that
  // is empty.
  Step expand(std::string_view input, char* out, std::size_t size);
  // Forgets what came before.
  void reset();

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

// One message on its way out.
class Deflater {
 public:
  explicit Deflater(int window_bits);
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  // Appends the compressed form of `piece`, without the four bytes that §7.2.1 drops behind the last one.
  void compress(std::string_view piece, bool last, std::string& out);
  void reset();
  int window_bits() const { return window_bits_; }

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
  int window_bits_;
};

// The states that connections of a loop borrow for the length of a message.
class DeflatePool {
 public:
  // Deflaters lent at one time, a quarter of a megabyte each. A message that gets none goes out as it is.
  static constexpr std::size_t kMaxDeflaters = 16;

  std::unique_ptr<Inflater> take_inflater();
  void give(std::unique_ptr<Inflater> inflater);
  // Null when all are lent.
  std::unique_ptr<Deflater> take_deflater(int window_bits);
  void give(std::unique_ptr<Deflater> deflater);

 private:
  static constexpr std::size_t kKept = 4;  // of each, while nobody needs them

  std::vector<std::unique_ptr<Inflater>> inflaters_;
  std::vector<std::unique_ptr<Deflater>> deflaters_;
  std::size_t lent_ = 0;
};

}  // namespace bimodal::http

#include "http/message_deflate.h"

#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "http/chars.h"

namespace bimodal::http {
namespace {

constexpr int kMaxWindowBits = 15;
// Most of what level 6 saves at half its price.
constexpr int kLevel = 3;
constexpr int kMemoryLevel = 8;
constexpr std::size_t kTailSize = 4;  // 00 00 ff ff, which every flush ends with

Bytef* bytes_of(const char* data) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(data));
}

// Calls visit(part) for each part between `separator`s outside quotes, trimmed, empty ones too; stops when that returns
// false. False when it was stopped or a quote isn't closed.
template <typename F>
bool for_each_part(std::string_view text, char separator, F visit) {
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '"') quoted = !quoted;
    if (i < text.size() && (quoted || text[i] != separator)) continue;
    if (!visit(trimmed(text.substr(begin, i - begin)))) return false;
    begin = i + 1;
  }
  return !quoted;
}

// 8…15 without leading zeros, maybe in quotes.
std::optional<int> parse_window_bits(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  int bits = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), bits);
  const bool whole = failure == std::errc() && end == text.data() + text.size();
  if (!whole || text.front() == '0' || bits < 8 || bits > kMaxWindowBits) return std::nullopt;
  return bits;
}

// What one offer asks for, parameter by parameter; each at most once.
class Offer {
 public:
  bool take(std::string_view parameter) {
    const std::size_t equals = parameter.find('=');
    const std::string_view name = trimmed(parameter.substr(0, equals));
    std::optional<std::string_view> value;
    if (equals != parameter.npos) value = trimmed(parameter.substr(equals + 1));
    if (name == "server_no_context_takeover") return !value && !std::exchange(server_fresh_, true);
    if (name == "client_no_context_takeover") return !value && !std::exchange(client_fresh_, true);
    if (name == "client_max_window_bits") {
      return (!value || parse_window_bits(*value)) && !std::exchange(client_window_, true);
    }
    if (name != "server_max_window_bits" || !value || terms_.names_server_window) return false;
    const std::optional<int> bits = parse_window_bits(*value);
    if (!bits || *bits < 9) return false;
    terms_.server_window_bits = *bits;
    terms_.names_server_window = true;
    return true;
  }

  const DeflateTerms& terms() const { return terms_; }

 private:
  DeflateTerms terms_;
  bool server_fresh_ = false;
  bool client_fresh_ = false;
  bool client_window_ = false;
};

std::optional<DeflateTerms> accept(std::string_view extension) {
  Offer offer;
  bool is_first = true;
  const bool good = for_each_part(extension, ';', [&](std::string_view part) {
    if (std::exchange(is_first, false)) return part == "permessage-deflate";
    return offer.take(part);
  });
  if (!good) return std::nullopt;
  return offer.terms();
}

}  // namespace

std::optional<DeflateTerms> accept_deflate_offer(std::string_view header) {
  std::optional<DeflateTerms> accepted;
  for_each_part(header, ',', [&accepted](std::string_view extension) {
    accepted = accept(extension);
    return !accepted;
  });
  return accepted;
}

std::string deflate_answer(const DeflateTerms& terms) {
  std::string answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  if (terms.names_server_window) answer += "; server_max_window_bits=" + std::to_string(terms.server_window_bits);
  return answer;
}

struct Inflater::Stream : z_stream {};

Inflater::Inflater() : stream_(std::make_unique<Stream>()) {
  CHECK(::inflateInit2(stream_.get(), -kMaxWindowBits) == Z_OK);
}

Inflater::~Inflater() {
  ::inflateEnd(stream_.get());
}

void Inflater::reset() {
  ::inflateReset(stream_.get());
}

Inflater::Step Inflater::expand(std::string_view input, char* out, std::size_t size) {
  stream_->next_in = bytes_of(input.data());
  stream_->avail_in = static_cast<uInt>(input.size());
  stream_->next_out = bytes_of(out);
  stream_->avail_out = static_cast<uInt>(size);
  int result = ::inflate(stream_.get(), Z_SYNC_FLUSH);
  // A block that says it is the last may be followed by others (§7.2.3.4): they begin anew.
  if (result == Z_STREAM_END) result = ::inflateReset(stream_.get());
  Step step{.consumed = input.size() - stream_->avail_in, .produced = size - stream_->avail_out};
  if (result != Z_OK && result != Z_BUF_ERROR) {
    step.outcome = Step::Outcome::Bad;
  } else if (stream_->avail_out == 0 || step.consumed < input.size()) {
    // Without progress the rest can't be understood.
    const bool stuck = step.produced == 0 && step.consumed == 0;
    step.outcome = stuck ? Step::Outcome::Bad : Step::Outcome::MoreOutput;
  }
  return step;
}

struct Deflater::Stream : z_stream {};

Deflater::Deflater(int window_bits) : stream_(std::make_unique<Stream>()), window_bits_(window_bits) {
  CHECK(::deflateInit2(stream_.get(), kLevel, Z_DEFLATED, -window_bits, kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK);
}

Deflater::~Deflater() {
  ::deflateEnd(stream_.get());
}

void Deflater::reset() {
  ::deflateReset(stream_.get());
}

void Deflater::compress(std::string_view piece, bool last, std::string& out) {
  constexpr std::size_t kStep = 16 * 1024;
  stream_->next_in = bytes_of(piece.data());
  stream_->avail_in = static_cast<uInt>(piece.size());
  const std::size_t begin = out.size();
  std::size_t used = begin;
  do {
    out.resize(used + std::min(kStep, piece.size() + 64));
    stream_->next_out = bytes_of(out.data() + used);
    stream_->avail_out = static_cast<uInt>(out.size() - used);
    ::deflate(stream_.get(), last ? Z_SYNC_FLUSH : Z_NO_FLUSH);
    used = out.size() - stream_->avail_out;
  } while (stream_->avail_out == 0);
  out.resize(used);
  if (!last) return;
  // A flush that had nothing to write since the last one leaves no tail.
  const bool has_tail =
      out.size() - begin >= kTailSize && out.compare(out.size() - kTailSize, kTailSize, "\0\0\xff\xff", kTailSize) == 0;
  if (has_tail) out.resize(out.size() - kTailSize);
  if (out.size() == begin) out.push_back('\0');  // §7.2.3.6: an empty block
}

std::unique_ptr<Inflater> DeflatePool::take_inflater() {
  if (inflaters_.empty()) return std::make_unique<Inflater>();
  std::unique_ptr<Inflater> inflater = std::move(inflaters_.back());
  inflaters_.pop_back();
  inflater->reset();
  return inflater;
}

void DeflatePool::give(std::unique_ptr<Inflater> inflater) {
  if (inflater && inflaters_.size() < kKept) inflaters_.push_back(std::move(inflater));
}

std::unique_ptr<Deflater> DeflatePool::take_deflater(int window_bits) {
  if (lent_ >= kMaxDeflaters) return nullptr;
  ++lent_;
  auto fits = [window_bits](const auto& each) { return each->window_bits() == window_bits; };
  auto found = std::find_if(deflaters_.begin(), deflaters_.end(), fits);
  if (found == deflaters_.end()) return std::make_unique<Deflater>(window_bits);
  std::unique_ptr<Deflater> deflater = std::move(*found);
  deflaters_.erase(found);
  deflater->reset();
  return deflater;
}

void DeflatePool::give(std::unique_ptr<Deflater> deflater) {
  if (!deflater) return;
  --lent_;
  if (deflaters_.size() >= kKept) deflaters_.erase(deflaters_.begin());
  deflaters_.push_back(std::move(deflater));
}

}  // namespace bimodal::http

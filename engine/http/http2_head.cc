#include "http/http2_head.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "http/chars.h"
#include "http/response_fields.h"
#include "http/target.h"

namespace bimodal::http {
namespace {

constexpr std::size_t kFieldCost = 32;

// 16 random bytes in base64, as RFC 6455 §4.1 asks of a client.
std::string make_websocket_key() {
  std::array<unsigned char, 16> bytes;
  ::RAND_bytes(bytes.data(), bytes.size());
  std::array<unsigned char, 25> text;
  ::EVP_EncodeBlock(text.data(), bytes.data(), bytes.size());
  return {reinterpret_cast<const char*>(text.data()), text.size() - 1};
}

bool is_field_of_switching(std::string_view name) {
  return equals_ignoring_case(name, "sec-websocket-accept") || equals_ignoring_case(name, "upgrade") ||
         equals_ignoring_case(name, "connection");
}

}  // namespace

void HeadBlock::clear() {
  *this = HeadBlock();
}

bool HeadBlock::add(std::string_view name, std::string_view value, std::size_t limit) {
  size_ += name.size() + value.size() + kFieldCost;
  if (size_ > limit) return false;
  if (name == "cookie") {
    if (!cookies_.empty()) cookies_.append("; ");
    cookies_.append(value);
    return true;
  }
  const auto at = static_cast<std::uint32_t>(bytes_.size());
  bytes_.append(name).append(value);
  const auto middle = at + static_cast<std::uint32_t>(name.size());
  fields_.push_back({at, middle, static_cast<std::uint32_t>(bytes_.size())});
  return true;
}

class BlockReader {
 public:
  BlockReader(HeadBlock& block, bool ended, RequestHead& head) : block_(block), head_(head), ended_(ended) {}

  BlockRefusal read() {
    head_.clear();
    head_.major_version = 2;
    for (const HeadBlock::Place& place : block_.fields_) {
      const std::string_view bytes(block_.bytes_);
      note(bytes.substr(place.name, place.value - place.name), bytes.substr(place.value, place.end - place.value));
    }
    if (!block_.cookies_.empty()) head_.fields.push_back({"cookie", block_.cookies_});
    check_routing();
    check_body();
    return refusal_;
  }

 private:
  void refuse(int status, const char* reason) {
    if (refusal_.status == 0) refusal_ = {status, reason};
  }

  void note(std::string_view name, std::string_view value) {
    if (name.starts_with(':')) return note_pseudo(name, value);
    if (name == "host") return note_host(value);
    if (name == "sec-websocket-key" && websocket_) return;  // RFC 8441 §5: means nothing
    if (name == "content-length") note_length(value);
    if (name == "expect") note_expect(value);
    head_.fields.push_back({name, value});
  }

  void note_pseudo(std::string_view name, std::string_view value) {
    if (name == ":method") head_.method = value;
    if (name == ":path") path_ = value;
    if (name == ":authority") authority_ = value;
    if (name == ":scheme") scheme_ = value;
    if (name != ":protocol") return;
    protocol_ = value;
    websocket_ = equals_ignoring_case(value, "websocket");
  }

  void note_host(std::string_view value) {
    if (host_) refuse(400, "several Host headers");
    host_ = value;
  }

  void note_length(std::string_view value) {
    if (head_.content_length) return refuse(400, "several Content-Length headers");
    std::uint64_t length = 0;
    auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (failure != std::errc() || end != value.data() + value.size()) return refuse(400, "malformed Content-Length");
    head_.content_length = length;
  }

  void note_expect(std::string_view value) {
    if (!equals_ignoring_case(value, "100-continue")) return refuse(417, "only Expect: 100-continue is understood");
    head_.expects_continue = true;
  }

  void check_routing() {
    if (!protocol_.empty() && !websocket_) refuse(501, "of protocols over CONNECT only websocket is understood");
    if (head_.method == "CONNECT" && protocol_.empty()) refuse(400, "CONNECT is for WebSockets only");
    if (!is_known_scheme()) refuse(400, "malformed :scheme");
    // RFC 9113 §8.3.1: where both are there, they must say the same.
    if (host_ && !authority_.empty() && !equals_ignoring_case(*host_, authority_)) {
      refuse(400, ":authority and Host differ");
    }
    head_.host = authority_.empty() ? host_.value_or("") : authority_;
    if (head_.host.empty() || !is_host(head_.host)) refuse(400, "malformed :authority");
    head_.fields.insert(head_.fields.begin(), {"host", head_.host});
    if (websocket_) become_upgrade();
    Target target;
    if (!parse_target(head_.method, path_, target) || target.is_absolute) refuse(400, "malformed :path");
    head_.path = target.path;
    head_.query = target.query;
  }

  bool is_known_scheme() const {
    return equals_ignoring_case(scheme_, "http") || equals_ignoring_case(scheme_, "https");
  }

  void become_upgrade() {
    if (head_.method != "CONNECT") refuse(400, ":protocol is for CONNECT only");
    if (ended_ || head_.content_length) refuse(400, "a WebSocket has no body");
    block_.key_ = make_websocket_key();
    head_.method = "GET";
    head_.fields.push_back({"upgrade", "websocket"});
    head_.fields.push_back({"sec-websocket-key", block_.key_});
    head_.connection_options.push_back("upgrade");
    head_.wants_websocket = true;
  }

  void check_body() {
    head_.chunked = !ended_ && !websocket_ && !head_.content_length;
    if (ended_ && head_.content_length.value_or(0) > 0)
      refuse(400, "the body that Content-Length announces is missing");
  }

  HeadBlock& block_;
  RequestHead& head_;
  BlockRefusal refusal_;
  std::string_view path_, authority_, scheme_, protocol_;
  std::optional<std::string_view> host_;
  const bool ended_;
  bool websocket_ = false;
};

BlockRefusal read_request_block(HeadBlock& block, bool ended, RequestHead& head) {
  return BlockReader(block, ended, head).read();
}

nghttp2_nv as_nv(std::string_view name, std::string_view value) {
  auto bytes = [](std::string_view text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

void ResponseBlock::add(std::string_view name, std::string_view value) {
  fields.push_back(as_nv(name, value));
}

void ResponseBlock::begin(int status) {
  std::to_chars(status_, status_ + 3, status);
  add(":status", {status_, 3});
}

bool ResponseBlock::add_examined(std::span<const Field> given, SaidFields& said) {
  for (const Field& field : given) {
    const FieldUse use = examine_field(field, said);
    if (use == FieldUse::Refuse) return false;
    if (use == FieldUse::Write) add(field.name, trimmed(field.value));
  }
  return true;
}

bool write_response_block(const ResponseHead& head, const ResponseContext& context, ResponseBlock& block) {
  if (head.status < 200 || head.status > 599) return false;
  SaidFields said;
  block.begin(head.status);
  if (!block.add_examined(head.fields, said)) return false;
  for (const Field& field : head.extra) block.add(field.name, field.value);
  if (!said.date) block.add("date", context.date);
  block.framing = choose_framing(head, context, said);
  if (const auto length = length_to_write(block.framing, head, said)) {
    block.length_ = std::to_string(*length);
    block.add("content-length", block.length_);
  }
  return true;
}

bool write_switching_block(
    std::span<const Field> fields, std::span<const Field> extra, std::string_view date, ResponseBlock& block) {
  SaidFields said;
  block.begin(200);
  std::vector<Field> kept;
  std::copy_if(fields.begin(), fields.end(), std::back_inserter(kept), [](const Field& field) {
    return !is_field_of_switching(field.name);
  });
  if (!block.add_examined(kept, said)) return false;
  for (const Field& field : extra) {
    if (!is_field_of_switching(field.name)) block.add(field.name, field.value);
  }
  if (!said.date) block.add("date", date);
  return true;
}

}  // namespace bimodal::http

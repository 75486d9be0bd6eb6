#include "wire/head.h"

#include <algorithm>

#include "wire/frame.h"
#include "wire/little_endian.h"

namespace bimodal::wire {
namespace {

constexpr std::uint8_t kHttps = 1;
constexpr std::uint8_t kTrailers = 1;
constexpr std::size_t kMaxU16 = 0xffff;
constexpr std::size_t kRequestFixed = 8 + 5 * 2 + 2 * 4;
constexpr std::size_t kResponseFixed = 4;
constexpr std::size_t kAcceptFixed = 2;
constexpr std::size_t kHeaderFixed = 2 + 4;

// Encoded size of a list of headers; more than kMaxPayload when it can't be encoded.
std::size_t headers_size(const Headers& headers) {
  if (headers.size() > kMaxU16) return kMaxPayload + 1;
  std::size_t size = 2;
  for (const Header& header : headers) {
    if (header.name.size() > kMaxU16) return kMaxPayload + 1;
    size += kHeaderFixed + header.name.size() + header.value.size();
  }
  return size;
}

// Writes into memory that is known to be large enough.
class Writer {
 public:
  explicit Writer(char* at) : at_(at) {}

  void u8(std::uint8_t value) { *at_++ = static_cast<char>(value); }

  void u16(std::size_t value) {
    store_u16(at_, static_cast<std::uint16_t>(value));
    at_ += 2;
  }

  void text16(std::string_view text) {
    u16(text.size());
    bytes(text);
  }

  void text32(std::string_view text) {
    store_u32(at_, static_cast<std::uint32_t>(text.size()));
    at_ += 4;
    bytes(text);
  }

  void headers(const Headers& headers) {
    u16(headers.size());
    for (const Header& header : headers) {
      text16(header.name);
      text32(header.value);
    }
  }

 private:
  void bytes(std::string_view text) { at_ = text.copy(at_, text.size()) + at_; }

  char* at_;
};

// Reads from untrusted bytes. After the first read past the end everything is zero or empty and done() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool done() const { return good_ && at_ == end_; }

  std::uint8_t u8() {
    const std::string_view bytes = take(1);
    return bytes.empty() ? 0 : static_cast<std::uint8_t>(bytes[0]);
  }

  std::uint16_t u16() {
    const std::string_view bytes = take(2);
    return bytes.empty() ? 0 : load_u16(bytes.data());
  }

  std::string_view text16() { return take(u16()); }

  std::string_view text32() {
    const std::string_view bytes = take(4);
    return bytes.empty() ? bytes : take(load_u32(bytes.data()));
  }

  void headers(Headers& headers) {
    headers.clear();
    const std::size_t count = u16();
    // A count that the bytes can't hold must not reserve memory.
    if (count * kHeaderFixed > static_cast<std::size_t>(end_ - at_)) {
      good_ = false;
      return;
    }
    headers.reserve(count);
    for (std::size_t i = 0; i < count && good_; ++i) {
      const std::string_view name = text16();
      headers.push_back({name, text32()});
    }
  }

 private:
  std::string_view take(std::size_t size) {
    if (!good_ || size > static_cast<std::size_t>(end_ - at_)) {
      good_ = false;
      return {};
    }
    const std::string_view bytes(at_, size);
    at_ += size;
    return bytes;
  }

  const char* at_;
  const char* end_;
  bool good_ = true;
};

// Makes room for `size` bytes at the end of `out` and returns where they begin.
char* grow(std::string& out, std::size_t size) {
  const std::size_t before = out.size();
  out.resize(before + size);
  return out.data() + before;
}

}  // namespace

bool encode(const RequestHead& head, std::string& out) {
  for (std::string_view text : {head.web_method, head.request_id, head.method, head.client_host, head.server_host}) {
    if (text.size() > kMaxU16) return false;
  }
  const std::size_t size = kRequestFixed + head.web_method.size() + head.request_id.size() + head.method.size() +
                           head.client_host.size() + head.server_host.size() + head.raw_path.size() +
                           head.query.size() + headers_size(head.headers);
  if (size > kMaxPayload) return false;
  Writer writer(grow(out, size));
  writer.u8(static_cast<std::uint8_t>(head.kind));
  writer.u8(head.http_version);
  writer.u8(head.https ? kHttps : 0);
  writer.u8(0);
  writer.u16(head.client_port);
  writer.u16(head.server_port);
  writer.text16(head.web_method);
  writer.text16(head.request_id);
  writer.text16(head.method);
  writer.text16(head.client_host);
  writer.text16(head.server_host);
  writer.text32(head.raw_path);
  writer.text32(head.query);
  writer.headers(head.headers);
  return true;
}

bool encode(const ResponseHead& head, std::string& out) {
  const std::size_t size = kResponseFixed + headers_size(head.headers);
  if (size > kMaxPayload) return false;
  Writer writer(grow(out, size));
  writer.u16(head.status);
  writer.u8(head.trailers ? kTrailers : 0);
  writer.u8(0);
  writer.headers(head.headers);
  return true;
}

bool encode(const AcceptHead& head, std::string& out) {
  if (head.subprotocol.size() > kMaxU16) return false;
  const std::size_t size = kAcceptFixed + head.subprotocol.size() + headers_size(head.headers);
  if (size > kMaxPayload) return false;
  Writer writer(grow(out, size));
  writer.text16(head.subprotocol);
  writer.headers(head.headers);
  return true;
}

bool encode(const Headers& headers, std::string& out) {
  const std::size_t size = headers_size(headers);
  if (size > kMaxPayload) return false;
  Writer(grow(out, size)).headers(headers);
  return true;
}

bool decode(std::string_view bytes, RequestHead& head) {
  Reader reader(bytes);
  const std::uint8_t kind = reader.u8();
  head.http_version = reader.u8();
  const std::uint8_t flags = reader.u8();
  const std::uint8_t zero = reader.u8();
  head.client_port = reader.u16();
  head.server_port = reader.u16();
  head.web_method = reader.text16();
  head.request_id = reader.text16();
  head.method = reader.text16();
  head.client_host = reader.text16();
  head.server_host = reader.text16();
  head.raw_path = reader.text32();
  head.query = reader.text32();
  reader.headers(head.headers);
  head.kind = static_cast<RequestKind>(kind);
  head.https = flags == kHttps;
  const bool known_version = head.http_version == 10 || head.http_version == 11 || head.http_version == 20;
  return reader.done() && kind <= 2 && known_version && flags <= kHttps && zero == 0 &&
         head.request_id.size() == kRequestIdSize;
}

bool decode(std::string_view bytes, ResponseHead& head) {
  Reader reader(bytes);
  head.status = reader.u16();
  const std::uint8_t flags = reader.u8();
  const std::uint8_t zero = reader.u8();
  reader.headers(head.headers);
  head.trailers = flags == kTrailers;
  return reader.done() && flags <= kTrailers && zero == 0;
}

bool decode(std::string_view bytes, AcceptHead& head) {
  Reader reader(bytes);
  head.subprotocol = reader.text16();
  reader.headers(head.headers);
  return reader.done();
}

bool decode(std::string_view bytes, Headers& headers) {
  Reader reader(bytes);
  reader.headers(headers);
  return reader.done();
}

std::vector<std::string_view> offered_subprotocols(const Headers& headers) {
  constexpr std::string_view kBlank = " \t";
  std::vector<std::string_view> offered;
  for (const Header& header : headers) {
    if (header.name != "sec-websocket-protocol") continue;
    for (std::string_view rest = header.value; !rest.empty();) {
      const std::size_t comma = rest.find(',');
      std::string_view name = rest.substr(0, comma);
      rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
      name.remove_prefix(std::min(name.find_first_not_of(kBlank), name.size()));
      name = name.substr(0, name.find_last_not_of(kBlank) + 1);
      if (!name.empty()) offered.push_back(name);
    }
  }
  return offered;
}

}  // namespace bimodal::wire

// Heads of HTTP/2 messages (RFC 9113 §8): from decoded fields to a RequestHead, from a ResponseHead to fields. Pure.
//
// nghttp2 has refused by then, with a stream error, what §8.2 and §8.3 call malformed: upper case, unknown, repeated or
// late pseudo-fields, fields of a connection, lengths that don't agree. Here come the rules that HTTP/1 requests are
// held to as well, so that both versions let the same requests in.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/request_head.h"
#include "http/response_head.h"

namespace bimodal::http {

// The decoded fields of one header block, until its end. A connection has one at a time: blocks can't be interleaved.
class HeadBlock {
 public:
  // Forgets what was gathered; keeps no memory.
  void clear();
  // False, with nothing kept, when the list becomes larger than `limit` (each field counts 32 bytes more than its name
  // and value: RFC 9113 §6.5.2).
  bool add(std::string_view name, std::string_view value, std::size_t limit);
  std::size_t size() const { return size_; }

 private:
  friend class BlockReader;
  struct Place {
    std::uint32_t name, value, end;  // in bytes_
  };

  std::string bytes_;
  std::string cookies_;  // crumbs joined (§8.2.3)
  std::string key_;      // of a WebSocket
  std::vector<Place> fields_;
  std::size_t size_ = 0;
};

struct BlockRefusal {
  int status = 0;  // 0: none; else what to answer: 400, 417, 501
  const char* reason = "";
};

// The head of a request whose block is complete; `ended`: nothing comes behind it. The views in `head` are good while
// `block` is.
//
// A WebSocket (RFC 8441) reads as the HTTP/1.1 request that would have asked for it: GET with Upgrade and a key made
// up, so that who answers it, here or in a container, needs to know one form only.
BlockRefusal read_request_block(HeadBlock& block, bool ended, RequestHead& head);

// Fields to submit to nghttp2, which copies them and turns names to lower case. Views; good while the head's are.
struct ResponseBlock {
  std::vector<nghttp2_nv> fields;
  Framing framing;

 private:
  friend bool write_response_block(const ResponseHead&, const ResponseContext&, ResponseBlock&);
  friend bool write_switching_block(
      std::span<const Field>, std::span<const Field>, std::string_view date, ResponseBlock&);
  void add(std::string_view name, std::string_view value);
  void begin(int status);
  bool add_examined(std::span<const Field> fields, struct SaidFields& said);

  char status_[4] = {};
  std::string length_;
};

// False for what write_response_head() refuses.
bool write_response_block(const ResponseHead& head, const ResponseContext& context, ResponseBlock& block);
// The answer that accepts a WebSocket: status 200, and nothing of what HTTP/1.1 would add (RFC 8441 §5).
bool write_switching_block(
    std::span<const Field> fields, std::span<const Field> extra, std::string_view date, ResponseBlock& block);

nghttp2_nv as_nv(std::string_view name, std::string_view value);

}  // namespace bimodal::http

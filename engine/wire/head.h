// The heads inside Request, Response and Accept frames, and the list of headers inside Trailers.
//
// Little endian; every text is preceded by its length, u16 unless noted:
//   request   u8 kind, u8 http version, u8 flags (1: https), u8 zero, u16 client port, u16 server port,
//             web_method, request_id, method, client_host, server_host, u32 raw_path, u32 query, headers
//   response  u16 status, u8 flags (1: trailers follow), u8 zero, headers
//   accept    subprotocol, headers
//   headers   u16 count, then count times: name, u32 value
//
// Decoding copies nothing: the views point into the decoded bytes and are good as long as those are. It accepts
// exactly what encoding makes: no byte missing, none left over, no unknown kind, version or flag.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bimodal::wire {

struct Header {
  std::string_view name;  // lower case in requests; in responses as the application wrote it
  std::string_view value;

  bool operator==(const Header&) const = default;
};

using Headers = std::vector<Header>;

// Tunnel: asks to leave HTTP. An answer with status 101 makes both bodies bytes of the other protocol; any other answer
// is an ordinary one.
enum class RequestKind : std::uint8_t { Http = 0, WebSocket = 1, Tunnel = 2 };

// The length of RequestHead::request_id.
inline constexpr std::size_t kRequestIdSize = 26;

struct RequestHead {
  RequestKind kind = RequestKind::Http;
  std::uint8_t http_version = 11;  // 10, 11 or 20
  bool https = false;
  std::string_view web_method;   // which web method of a class; empty for a function
  std::string_view request_id;   // the input is "in-" + it, the function call "fc-" + it
  std::string_view method;       // "GET"
  std::string_view raw_path;     // percent-encoded as received, without the query
  std::string_view query;        // without the question mark
  std::string_view client_host;  // the caller's address, after trusted proxies
  std::uint16_t client_port = 0;
  std::string_view server_host;  // the address that the gateway accepted on; empty: the runner takes the Host header
  std::uint16_t server_port = 0;
  Headers headers;

  bool operator==(const RequestHead&) const = default;
};

// What a WebSocket's caller offers in Sec-WebSocket-Protocol, in its order.
std::vector<std::string_view> offered_subprotocols(const Headers& headers);

struct ResponseHead {
  std::uint16_t status = 200;
  bool trailers = false;  // a Trailers frame comes before the final kEnd
  Headers headers;

  bool operator==(const ResponseHead&) const = default;
};

struct AcceptHead {
  std::string_view subprotocol;  // empty: none
  Headers headers;

  bool operator==(const AcceptHead&) const = default;
};

// Append the encoded form to `out`. False, with `out` as before, when a text is longer than its length field holds or
// the whole longer than kMaxPayload.
bool encode(const RequestHead& head, std::string& out);
bool encode(const ResponseHead& head, std::string& out);
bool encode(const AcceptHead& head, std::string& out);
bool encode(const Headers& headers, std::string& out);

// Fill `head` from exactly `bytes`, reusing the memory of its list. False, with `head` in an unspecified state, when
// they are no such head.
bool decode(std::string_view bytes, RequestHead& head);
bool decode(std::string_view bytes, ResponseHead& head);
bool decode(std::string_view bytes, AcceptHead& head);
bool decode(std::string_view bytes, Headers& headers);

}  // namespace bimodal::wire

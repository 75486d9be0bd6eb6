#include "http/websocket_handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

namespace bimodal::http {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 §1.3
constexpr std::size_t kKeySize = 24;                                        // 16 bytes in base64

bool is_base64_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

bool is_key(std::string_view key) {
  return key.size() == kKeySize && key.ends_with("==") && std::all_of(key.begin(), key.end() - 2, is_base64_char);
}

std::string accept_for(std::string_view key) {
  std::string text(key);
  text.append(kGuid);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<char, 29> encoded;  // 20 bytes in base64, and a zero
  ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()), digest.data(), digest.size());
  return encoded.data();
}

// The fields that matter, each as often as it was sent.
struct Said {
  std::string_view key;
  std::string_view version;
  std::string extensions;
  int keys = 0;
  int versions = 0;
};

Said read_fields(const RequestHead& head) {
  Said said;
  for (const Field& field : head.fields) {
    if (field.name == "sec-websocket-key") {
      said.key = field.value;
      ++said.keys;
    } else if (field.name == "sec-websocket-version") {
      said.version = field.value;
      ++said.versions;
    } else if (field.name == "sec-websocket-extensions") {
      if (!said.extensions.empty()) said.extensions.append(", ");
      said.extensions.append(field.value);
    }
  }
  return said;
}

WebSocketHandshake refused(int status, const char* reason) {
  return {.accept = {}, .deflate = {}, .status = status, .reason = reason};
}

}  // namespace

WebSocketHandshake read_websocket_handshake(const RequestHead& head) {
  const Said said = read_fields(head);
  if (head.method != "GET") return refused(400, "a WebSocket is asked for with GET");
  if (head.has_body()) return refused(400, "a WebSocket handshake has no body");
  if (said.versions == 0) return refused(400, "the WebSocket handshake has no Sec-WebSocket-Version");
  if (said.versions > 1 || said.version != kWebSocketVersion)
    return refused(426, "only version 13 of WebSocket is spoken");
  if (said.keys != 1 || !is_key(said.key)) return refused(400, "Sec-WebSocket-Key is missing or malformed");
  return {.accept = accept_for(said.key), .deflate = accept_deflate_offer(said.extensions)};
}

}  // namespace bimodal::http

#include "acme/encoding.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/check.h"

namespace bimodal::acme {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string base64url(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  unsigned held = 0;
  int bits = 0;
  for (unsigned char byte : bytes) {
    held = held << 8 | byte;
    for (bits += 8; bits >= 6; bits -= 6) out.push_back(kDigits[held >> (bits - 6) & 63]);
  }
  if (bits > 0) out.push_back(kDigits[held << (6 - bits) & 63]);
  return out;
}

Result<std::string> from_base64url(std::string_view text) {
  std::string out;
  unsigned held = 0;
  int bits = 0;
  for (char digit : text) {
    const std::size_t value = kDigits.find(digit);
    if (value == kDigits.npos) return error(Code::InvalidArgument, "not base64url (RFC 4648 §5, without padding)");
    held = held << 6 | static_cast<unsigned>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<char>(held >> bits & 255));
  }
  if (bits == 6 || (held & ((1u << bits) - 1)) != 0) {
    return error(Code::InvalidArgument, "base64url that ends in the middle of a byte");
  }
  return out;
}

std::string sha256(std::string_view bytes) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(bytes_of(bytes), bytes.size(), reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  unsigned size = 0;
  auto* done = HMAC(
      EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(bytes), bytes.size(),
      reinterpret_cast<unsigned char*>(out.data()), &size);
  CHECK(done != nullptr && size == out.size());
  return out;
}

}  // namespace bimodal::acme

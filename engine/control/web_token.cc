#include "control/web_token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace bimodal::control {
namespace {

// RFC 7515 §2: base64url without padding.
std::string base64url(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(
      reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
      static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  while (!out.empty() && out.back() == '=') out.pop_back();
  for (char& c : out) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return out;
}

std::string signature(std::string_view key, std::string_view content) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(
      EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(content.data()),
      content.size(), digest, &size);
  return base64url({reinterpret_cast<const char*>(digest), size});
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string padded(text);
  std::replace(padded.begin(), padded.end(), '-', '+');
  std::replace(padded.begin(), padded.end(), '_', '/');
  const std::size_t padding = (4 - padded.size() % 4) % 4;
  padded.append(padding, '=');
  std::string out(padded.size(), '\0');
  const int size = EVP_DecodeBlock(
      reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(padded.data()),
      static_cast<int>(padded.size()));
  if (size < static_cast<int>(padding)) return std::nullopt;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

}  // namespace

std::string web_token(std::string_view key, std::string_view subject, std::int64_t issued_at, std::int64_t expires_at) {
  const nlohmann::json header = {{"alg", "HS256"}, {"typ", "JWT"}};
  const nlohmann::json claims = {{"sub", subject}, {"iat", issued_at}, {"exp", expires_at}};
  const std::string content = base64url(header.dump()) + "." + base64url(claims.dump());
  return content + "." + signature(key, content);
}

std::optional<std::string> web_token_subject(std::string_view key, std::string_view token, std::int64_t now) {
  const std::size_t last = token.rfind('.');
  const std::size_t first = token.find('.');
  if (last == std::string_view::npos || first == last) return std::nullopt;
  const std::string expected = signature(key, token.substr(0, last));
  const std::string_view shown = token.substr(last + 1);
  if (shown.size() != expected.size() || CRYPTO_memcmp(shown.data(), expected.data(), shown.size()) != 0) {
    return std::nullopt;
  }
  // From here on it is our own text.
  const auto text = from_base64url(token.substr(first + 1, last - first - 1));
  const auto claims = nlohmann::json::parse(text.value_or(""), nullptr, false);
  if (!claims.is_object() || claims.value("exp", std::int64_t{0}) <= now) return std::nullopt;
  return claims.value("sub", "");
}

}  // namespace bimodal::control

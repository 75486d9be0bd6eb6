#include "base/ids.h"

#include <openssl/sha.h>
#include <sys/random.h>

#include <array>

#include "base/check.h"

namespace bimodal {
namespace {

constexpr std::string_view kBase62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kTaskAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUWXYZ";  // no V

void fill_random(unsigned char* out, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    ssize_t n = ::getrandom(out + done, size - done, 0);
    CHECK(n > 0);
    done += static_cast<std::size_t>(n);
  }
}

// Unbiased: bytes past the last whole multiple of the alphabet's size are drawn again.
std::string random_from(std::string_view alphabet, std::size_t count) {
  const unsigned limit = 256 - 256 % static_cast<unsigned>(alphabet.size());
  std::string out;
  out.reserve(count);
  std::array<unsigned char, 64> bytes{};
  while (out.size() < count) {
    fill_random(bytes.data(), bytes.size());
    for (unsigned char byte : bytes) {
      if (byte < limit && out.size() < count) out.push_back(alphabet[byte % alphabet.size()]);
    }
  }
  return out;
}

std::array<unsigned char, SHA256_DIGEST_LENGTH> sha256(std::string_view data) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest.data());
  return digest;
}

}  // namespace

std::string new_id(std::string_view prefix) {
  return std::string(prefix) + "-" + random_from(kBase62, 22);
}

std::string new_task_id() {
  return "ta-" + random_from(kTaskAlphabet, 26);
}

std::string random_text(std::size_t count) {
  return random_from(kBase62, count);
}

std::string content_id(std::string_view prefix, std::string_view content) {
  auto digest = sha256(content);
  std::string out = std::string(prefix) + "-";
  for (std::size_t i = 0; i < 22; ++i) out.push_back(kBase62[digest[i] % kBase62.size()]);
  return out;
}

std::string sha256_hex(std::string_view data) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * SHA256_DIGEST_LENGTH);
  for (unsigned char byte : sha256(data)) {
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}

}  // namespace bimodal

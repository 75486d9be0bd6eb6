#include "control/blob_tickets.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>
#include <string_view>

#include "base/check.h"
#include "store/blobs.h"

namespace bimodal::control {
namespace {

std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end == text.data() + text.size() || *end != '-') return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return value;
}

}  // namespace

// <right>-<expiry, Unix seconds>-<size>-<offset>-<SHA-256>-<signature of what stands before>
std::string BlobTickets::issue(const BlobTicket& ticket, Clock::time_point expiry) const {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(expiry.time_since_epoch()).count();
  std::string claim = fmt::format(
      "{}-{}-{}-{}-{}", static_cast<char>(ticket.right), seconds, ticket.size, ticket.offset, ticket.sha256);
  return claim + "-" + sign(claim);
}

std::optional<BlobTicket> BlobTickets::check(const std::string& text, Clock::time_point now) const {
  std::size_t end = text.rfind('-');
  if (end == std::string::npos) return std::nullopt;
  std::string claim = text.substr(0, end);
  std::string wanted = sign(claim), given = text.substr(end + 1);
  if (given.size() != wanted.size()) return std::nullopt;
  if (CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) != 0) return std::nullopt;

  std::string_view rest(claim);
  BlobTicket ticket;
  ticket.right = static_cast<BlobTicket::Right>(rest.front());
  rest.remove_prefix(2);
  auto expiry = take_number(rest);
  auto size = take_number(rest);
  auto offset = take_number(rest);
  CHECK(expiry && size && offset);  // we signed it
  if (Clock::time_point(std::chrono::seconds(*expiry)) <= now) return std::nullopt;
  ticket.size = *size;
  ticket.offset = *offset;
  ticket.sha256 = rest;
  return ticket;
}

std::string BlobTickets::sign(const std::string& claim) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(claim.data());
  CHECK(HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), data, claim.size(), digest.data(), &size));
  std::string out;
  for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

}  // namespace bimodal::control

#include "acme/key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include <array>

#include "acme/encoding.h"
#include "acme/openssl.h"
#include "base/check.h"

namespace bimodal::acme {
namespace {

constexpr std::size_t kNumber = 32;  // bytes of a coordinate, and of r and s

std::string fixed_width(const BIGNUM* number) {
  std::string out(kNumber, '\0');
  CHECK(BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), kNumber) == static_cast<int>(kNumber));
  return out;
}

std::string coordinate(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  CHECK(EVP_PKEY_get_bn_param(key, name, &number) == 1);
  const Owned<BIGNUM, BN_free> owned(number);
  return base64url(fixed_width(number));
}

bool is_p256(EVP_PKEY* key) {
  std::array<char, 32> group{};
  std::size_t size = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

}  // namespace

Key::Key(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {}

Key Key::make() {
  EVP_PKEY* made = EVP_EC_gen("P-256");
  CHECK(made != nullptr);
  return Key(made);
}

Result<Key> Key::parse(const std::string& pem) {
  EVP_PKEY* found = PEM_read_bio_PrivateKey(reader_of(pem).get(), nullptr, nullptr, const_cast<char*>(""));
  if (found == nullptr) return error(Code::DataLoss, "no private key in PEM");
  Key key(found);
  if (!is_p256(found)) return error(Code::DataLoss, "not a key on P-256");
  return key;
}

std::string Key::pem() const {
  const OwnedBio out = writer();
  CHECK(PEM_write_bio_PKCS8PrivateKey(out.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(out);
}

std::string Key::jwk() const {
  return fmt::format(
      R"({{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}})", coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X),
      coordinate(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y));
}

std::string Key::thumbprint() const {
  return base64url(sha256(jwk()));
}

std::string Key::sign(std::string_view bytes) const {
  const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t size = 0;
  CHECK(EVP_DigestSign(context.get(), nullptr, &size, data, bytes.size()) == 1);
  std::string der(size, '\0');
  CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &size, data, bytes.size()) == 1);
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const Owned<ECDSA_SIG, ECDSA_SIG_free> pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
  CHECK(pair != nullptr);
  return fixed_width(ECDSA_SIG_get0_r(pair.get())) + fixed_width(ECDSA_SIG_get0_s(pair.get()));
}

}  // namespace bimodal::acme

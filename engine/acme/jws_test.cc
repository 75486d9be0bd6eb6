#include "acme/jws.h"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>

#include <nlohmann/json.hpp>

#include "acme/encoding.h"
#include "acme/openssl.h"

namespace bimodal::acme {
namespace {

using nlohmann::json;

// RFC 7515, appendix A.3, in PKCS#8.
constexpr const char* kKnownKey =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n"
    "AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n"
    "focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
    "-----END EC PRIVATE KEY-----\n";

bool verifies(const Key& key, const std::string& bytes, const std::string& signature) {
  if (signature.size() != 64) return false;
  const auto* at = reinterpret_cast<const unsigned char*>(signature.data());
  const Owned<ECDSA_SIG, ECDSA_SIG_free> pair(ECDSA_SIG_new());
  ECDSA_SIG_set0(pair.get(), BN_bin2bn(at, 32, nullptr), BN_bin2bn(at + 32, 32, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.handle());
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const bool good = EVP_DigestVerify(context.get(), der, static_cast<std::size_t>(size), data, bytes.size()) == 1;
  OPENSSL_free(der);
  return good;
}

json decoded(const json& text) {
  return json::parse(*from_base64url(text.get<std::string>()));
}

TEST(Encoding, FollowsTheTableOfRfc4648WithoutPadding) {
  const std::pair<const char*, const char*> table[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "__79"}};
  for (const auto& [bytes, text] : table) {
    EXPECT_EQ(base64url(bytes), text);
    EXPECT_EQ(from_base64url(text).value(), bytes);
  }
  for (const char* bad : {"A", "Zg==", "Zh", "Zm9v\n", "Zm+v", "Zm/v", "Zm9vY"})
    EXPECT_FALSE(from_base64url(bad)) << bad;
}

TEST(Encoding, HmacIsThatOfRfc4231) {
  const std::string mac = hmac_sha256("Jefe", "what do ya want for nothing?");
  EXPECT_EQ(base64url(mac), "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM");
}

TEST(Key, ShowsTheKnownKeyAsItsJsonWebKey) {
  const Key key = Key::parse(kKnownKey).value();
  const json shown = json::parse(key.jwk());
  EXPECT_EQ(shown["x"], "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
  EXPECT_EQ(shown["y"], "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
  EXPECT_EQ(key.jwk().find("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":"), 0u) << "the order that a thumbprint wants";
  EXPECT_EQ(key.thumbprint(), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
}

TEST(Key, SignsWithNumbersOfFixedWidth) {
  const Key key = Key::make();
  for (int i = 0; i < 300; ++i) {  // about one in 128 has a number that would be shorter
    const std::string bytes = "message " + std::to_string(i);
    ASSERT_TRUE(verifies(key, bytes, key.sign(bytes)));
  }
}

TEST(Key, SurvivesItsOwnPemAndRefusesWhatIsNone) {
  const Key key = Key::make();
  EXPECT_EQ(Key::parse(key.pem()).value().jwk(), key.jwk());
  for (const char* bad : {"", "not a key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}) {
    EXPECT_EQ(Key::parse(bad).error().code, Code::DataLoss);
  }
  const Owned<EVP_PKEY, EVP_PKEY_free> other(EVP_EC_gen("P-384"));
  const OwnedBio out = writer();
  PEM_write_bio_PKCS8PrivateKey(out.get(), other.get(), nullptr, nullptr, 0, nullptr, nullptr);
  EXPECT_EQ(Key::parse(text_of(out)).error().code, Code::DataLoss);
}

TEST(SignedBody, NamesTheKeyUntilThereIsAnAccount) {
  const Key key = Key::make();
  const json first = json::parse(signed_body(key, {"https://ca.test/new-account", "n1", ""}, "{}"));
  EXPECT_EQ(decoded(first["protected"])["jwk"], json::parse(key.jwk()));
  EXPECT_FALSE(decoded(first["protected"]).contains("kid"));
  const json later = json::parse(signed_body(key, {"https://ca.test/new-order", "n2", "https://ca.test/a/1"}, "{}"));
  const json head = decoded(later["protected"]);
  EXPECT_EQ(
      head,
      (json{{"alg", "ES256"}, {"nonce", "n2"}, {"url", "https://ca.test/new-order"}, {"kid", "https://ca.test/a/1"}}));
}

TEST(SignedBody, SignsHeadAndPayloadAndKeepsAnEmptyPayloadEmpty) {
  const Key key = Key::make();
  for (const std::string payload : {"", "{}", R"({"csr":"x"})"}) {
    const json body = json::parse(signed_body(key, {"https://ca.test/x", "n", "k"}, payload));
    const std::string input = body["protected"].get<std::string>() + "." + body["payload"].get<std::string>();
    EXPECT_TRUE(verifies(key, input, from_base64url(body["signature"].get<std::string>()).value()));
    EXPECT_EQ(from_base64url(body["payload"].get<std::string>()).value(), payload);
  }
}

TEST(ExternalBinding, IsAMacOverTheAccountsKey) {
  const Key key = Key::make();
  const json bound = json::parse(external_binding({"kid-1", "c2VjcmV0"}, key, "https://ca.test/new-account").value());
  EXPECT_EQ(decoded(bound["payload"]), json::parse(key.jwk()));
  EXPECT_EQ(
      decoded(bound["protected"]), (json{{"alg", "HS256"}, {"kid", "kid-1"}, {"url", "https://ca.test/new-account"}}));
  const std::string input = bound["protected"].get<std::string>() + "." + bound["payload"].get<std::string>();
  EXPECT_EQ(bound["signature"], base64url(hmac_sha256("secret", input)));
  EXPECT_FALSE(external_binding({"kid-1", "not base64!"}, key, "https://ca.test/new-account"));
}

}  // namespace
}  // namespace bimodal::acme

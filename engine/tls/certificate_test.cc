#include "tls/certificate.h"

#include <gtest/gtest.h>

#include "tls/issuing.h"

namespace bimodal::tls {
namespace {

using namespace std::chrono_literals;

Validity for_a_day() {
  const auto now = std::chrono::system_clock::now();
  return {.begins = now - 1h, .ends = now + 24h};
}

class CertificateTest : public testing::Test {
 protected:
  std::shared_ptr<const Certificate> made(const std::vector<std::string>& names) {
    const KeyPair pair = issue(authority_, names, for_a_day()).value();
    return Certificate::from_pem(pair.certificate, pair.key).value();
  }

  const KeyPair authority_ = make_authority("test", for_a_day()).value();
};

TEST_F(CertificateTest, KnowsTheNamesThatItIsFor) {
  const auto certificate = made({"a.example.com", "*.example.org", "127.0.0.1"});
  EXPECT_EQ(certificate->names(), (std::vector<std::string>{"a.example.com", "*.example.org"}));
  EXPECT_TRUE(certificate->covers("a.example.com"));
  EXPECT_TRUE(certificate->covers("x.example.org"));
  EXPECT_FALSE(certificate->covers("b.example.com"));
}

TEST_F(CertificateTest, KnowsItsTerm) {
  const auto certificate = made({"a.example.com"});
  EXPECT_LT(certificate->begins(), std::chrono::system_clock::now());
  EXPECT_GT(certificate->ends(), std::chrono::system_clock::now() + 23h);
}

TEST_F(CertificateTest, IsntMadeOfAnothersKey) {
  const KeyPair one = issue(authority_, {"a.example.com"}, for_a_day()).value();
  const KeyPair other = issue(authority_, {"a.example.com"}, for_a_day()).value();
  const auto made = Certificate::from_pem(one.certificate, other.key);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().message, "the private key isn't the certificate's");
}

TEST_F(CertificateTest, TellsNothingOfABrokenKey) {
  const KeyPair one = issue(authority_, {"a.example.com"}, for_a_day()).value();
  const std::string broken = one.key.substr(0, one.key.size() / 2);
  const auto made = Certificate::from_pem(one.certificate, broken);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().message, "there is no private key (PEM, without a password) in it");
  EXPECT_FALSE(Certificate::from_pem("nothing", one.key).has_value());
}

TEST_F(CertificateTest, IsIssuedForPlainNamesOnly) {
  for (const std::string name : {"", "a,DNS:b", "a b", "Ä.example", "a\nb", "a/b"}) {
    EXPECT_FALSE(issue(authority_, {name}, for_a_day()).has_value()) << name;
  }
}

TEST(Wildcards, StandForOneLabel) {
  EXPECT_TRUE(matches_name("*.localhost", "a.localhost"));
  EXPECT_FALSE(matches_name("*.localhost", "a.b.localhost"));
  EXPECT_FALSE(matches_name("*.localhost", "localhost"));
  EXPECT_FALSE(matches_name("*.localhost", ".localhost"));
  EXPECT_TRUE(matches_name("a.localhost", "a.localhost"));
}

}  // namespace
}  // namespace bimodal::tls

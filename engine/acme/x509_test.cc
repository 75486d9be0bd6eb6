#include "acme/x509.h"

#include <gtest/gtest.h>

#include "acme/encoding.h"
#include "acme/fake_ca.h"
#include "acme/names.h"
#include "acme/openssl.h"

namespace bimodal::acme {
namespace {

TEST(Names, AreLowerCaseAndHaveTwoLabelsOrMore) {
  const std::string longest(63, 'a');
  for (const std::string& good :
       {std::string("a.b"), std::string("api.example.com"), std::string("*.example.com"),
        std::string("xn--bcher-kva.example"), std::string("1.2.example"), longest + ".example"}) {
    EXPECT_TRUE(is_name(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("localhost"), std::string("*.com"), std::string("*"), std::string("a..b"),
        std::string("a.b."), std::string(".a.b"), std::string("-a.b"), std::string("a-.b"), std::string("A.b"),
        std::string("a_b.c"), std::string("a.*.b"), std::string("a b.c"), std::string("a.b,DNS:c.d"),
        std::string("a.b/../c"), longest + "a.example", std::string("b\xc3\xbc.example")}) {
    EXPECT_FALSE(is_name(bad)) << bad;
  }
  EXPECT_EQ(wildcard_over("a.example.com"), "*.example.com");
  EXPECT_EQ(wildcard_over("localhost"), "");
}

TEST(SigningRequest, IsForOneNameAndProvesItsKey) {
  const Key key = Key::make();
  for (const char* name : {"api.example.com", "*.example.com"}) {
    const std::string der = signing_request(key, name);
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const OwnedRequest request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
    ASSERT_NE(request, nullptr);
    EXPECT_EQ(X509_REQ_verify(request.get(), key.handle()), 1);
    const OwnedBio out = writer();
    X509_REQ_print(out.get(), request.get());
    EXPECT_NE(text_of(out).find("DNS:" + std::string(name)), std::string::npos);
  }
}

TEST(ReadChain, TellsNamesAndTimesAndRefusesAnotherKeys) {
  const Key key = Key::make();
  const std::string chain = FakeCa::issue(key.handle(), "API.example.com", 3600);
  const ChainFacts facts = read_chain(chain, key).value();
  EXPECT_EQ(facts.names, std::vector<std::string>{"api.example.com"});
  EXPECT_EQ(facts.not_after - facts.not_before, std::chrono::hours(1));
  EXPECT_EQ(read_chain(chain, Key::make()).error().code, Code::DataLoss);
  EXPECT_EQ(read_chain("nothing", key).error().code, Code::DataLoss);
}

TEST(ChallengeCertificate, HasTheDigestInACriticalExtensionAndTheNameAlone) {
  const Key key = Key::make();
  const std::string pem = challenge_certificate(key, "api.example.com", "token.thumbprint");
  const OwnedCertificate made(PEM_read_bio_X509(reader_of(pem).get(), nullptr, nullptr, nullptr));
  ASSERT_NE(made, nullptr);
  const Owned<ASN1_OBJECT, ASN1_OBJECT_free> kind(OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1));
  const int at = X509_get_ext_by_OBJ(made.get(), kind.get(), -1);
  ASSERT_GE(at, 0);
  X509_EXTENSION* extension = X509_get_ext(made.get(), at);
  EXPECT_EQ(X509_EXTENSION_get_critical(extension), 1);
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
  const std::string bytes(
      reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)), static_cast<std::size_t>(ASN1_STRING_length(value)));
  EXPECT_EQ(bytes, std::string("\x04\x20", 2) + sha256("token.thumbprint"));
  EXPECT_EQ(read_chain(pem, key).value().names, std::vector<std::string>{"api.example.com"});
}

}  // namespace
}  // namespace bimodal::acme

#include "acme/x509.h"

#include <openssl/objects.h>

#include <ctime>

#include "acme/encoding.h"
#include "acme/openssl.h"
#include "base/check.h"

namespace bimodal::acme {
namespace {

constexpr const char* kAcmeIdentifier = "1.3.6.1.5.5.7.1.31";  // id-pe-acmeIdentifier, RFC 8737 §6.1
constexpr long kChallengeSeconds = 24 * 3600;

struct FreeExtensions {
  void operator()(STACK_OF(X509_EXTENSION) * list) const { sk_X509_EXTENSION_free(list); }
};

OwnedExtension alternative_name(const std::string& name) {
  const std::string value = "DNS:" + name;
  return OwnedExtension(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, value.c_str()));
}

// Critical; the digest as an octet string of its own.
OwnedExtension identifier_of(const std::string& key_authorization) {
  std::string der("\x04\x20", 2);
  der += sha256(key_authorization);
  const Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> value(ASN1_OCTET_STRING_new());
  const Owned<ASN1_OBJECT, ASN1_OBJECT_free> kind(OBJ_txt2obj(kAcmeIdentifier, 1));
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  CHECK(ASN1_OCTET_STRING_set(value.get(), bytes, static_cast<int>(der.size())) == 1);
  return OwnedExtension(X509_EXTENSION_create_by_OBJ(nullptr, kind.get(), 1, value.get()));
}

Result<Time> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return error(Code::DataLoss, "a certificate whose times aren't readable");
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> out;
  auto* found = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  const Owned<GENERAL_NAMES, GENERAL_NAMES_free> all(found);
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(all.get(), i);
    if (one->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(one->d.dNSName));
    std::string name(text, static_cast<std::size_t>(ASN1_STRING_length(one->d.dNSName)));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    out.push_back(std::move(name));
  }
  return out;
}

}  // namespace

std::string signing_request(const Key& key, const std::string& name) {
  const OwnedRequest request(X509_REQ_new());
  CHECK(X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1);
  CHECK(X509_REQ_set_pubkey(request.get(), key.handle()) == 1);
  const std::unique_ptr<STACK_OF(X509_EXTENSION), FreeExtensions> extensions(sk_X509_EXTENSION_new_null());
  const OwnedExtension names = alternative_name(name);
  CHECK(names != nullptr && sk_X509_EXTENSION_push(extensions.get(), names.get()) == 1);
  CHECK(X509_REQ_add_extensions(request.get(), extensions.get()) == 1);
  CHECK(X509_REQ_sign(request.get(), key.handle(), EVP_sha256()) > 0);
  const OwnedBio out = writer();
  CHECK(i2d_X509_REQ_bio(out.get(), request.get()) == 1);
  return text_of(out);
}

Result<ChainFacts> read_chain(const std::string& chain_pem, const Key& key) {
  const OwnedCertificate leaf(PEM_read_bio_X509(reader_of(chain_pem).get(), nullptr, nullptr, nullptr));
  if (!leaf) return error(Code::DataLoss, "no certificate in PEM");
  if (X509_check_private_key(leaf.get(), key.handle()) != 1) {
    return error(Code::DataLoss, "a certificate of another key");
  }
  ChainFacts facts;
  TRY(facts.not_before, time_of(X509_get0_notBefore(leaf.get())));
  TRY(facts.not_after, time_of(X509_get0_notAfter(leaf.get())));
  facts.names = names_of(leaf.get());
  return facts;
}

std::string challenge_certificate(const Key& key, const std::string& name, const std::string& key_authorization) {
  const OwnedCertificate made(X509_new());
  CHECK(X509_set_version(made.get(), X509_VERSION_3) == 1);
  CHECK(ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1) == 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);  // clocks differ
  X509_gmtime_adj(X509_getm_notAfter(made.get()), kChallengeSeconds);
  X509_NAME* subject = X509_get_subject_name(made.get());
  const auto* title = reinterpret_cast<const unsigned char*>("ACME challenge");
  CHECK(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, title, -1, -1, 0) == 1);
  CHECK(X509_set_issuer_name(made.get(), subject) == 1);
  CHECK(X509_set_pubkey(made.get(), key.handle()) == 1);
  const OwnedExtension names = alternative_name(name), identifier = identifier_of(key_authorization);
  CHECK(names != nullptr && X509_add_ext(made.get(), names.get(), -1) == 1);
  CHECK(identifier != nullptr && X509_add_ext(made.get(), identifier.get(), -1) == 1);
  CHECK(X509_sign(made.get(), key.handle(), EVP_sha256()) > 0);
  const OwnedBio out = writer();
  CHECK(PEM_write_bio_X509(out.get(), made.get()) == 1);
  return text_of(out);
}

}  // namespace bimodal::acme

#include "tls/issuing.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string_view>

namespace bimodal::tls {
namespace {

template <auto Free>
struct FreeBy {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, FreeBy<&EVP_PKEY_free>>;
using Leaf = std::unique_ptr<X509, FreeBy<&X509_free>>;
using Bio = std::unique_ptr<BIO, FreeBy<&BIO_free>>;

tl::unexpected<Error> failure(const char* what) {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return error(Code::Internal, "OpenSSL can't {}: {}", what, reason == nullptr ? "unknown reason" : reason);
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

bool add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool set_serial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] &= 0x7f;  // positive: RFC 5280 §4.1.2.2
  BIGNUM* number = BN_bin2bn(bytes, sizeof bytes, nullptr);
  const bool set = number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

bool set_name(X509* certificate, const std::string& name) {
  const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
  X509_NAME* subject = X509_get_subject_name(certificate);
  return X509_NAME_add_entry_by_NID(
      subject, NID_commonName, MBSTRING_UTF8, const_cast<unsigned char*>(text), -1, -1, 0);
}

// Version 3, with what authorities and servers have alike.
Leaf begin(EVP_PKEY* key, const std::string& name, Validity validity) {
  Leaf made(X509_new());
  const auto begins = std::chrono::system_clock::to_time_t(validity.begins);
  const auto ends = std::chrono::system_clock::to_time_t(validity.ends);
  const bool done = made && X509_set_version(made.get(), 2) == 1 && set_serial(made.get()) &&
                    ASN1_TIME_set(X509_getm_notBefore(made.get()), begins) != nullptr &&
                    ASN1_TIME_set(X509_getm_notAfter(made.get()), ends) != nullptr && set_name(made.get(), name) &&
                    X509_set_pubkey(made.get(), key) == 1;
  return done ? std::move(made) : nullptr;
}

Result<KeyPair> written(X509* certificate, EVP_PKEY* key) {
  const Bio first(BIO_new(BIO_s_mem()));
  const Bio second(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(first.get(), certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(second.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failure("write a certificate");
  }
  return KeyPair{.certificate = text_of(first.get()), .key = text_of(second.get())};
}

// Names come from callers, and OpenSSL's list of them has a syntax of its own.
bool is_plain(const std::string& name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-._*:";
  return !name.empty() && name.size() <= 253 && name.find_first_not_of(kAllowed) == std::string::npos;
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    unsigned char address[16];
    const bool is_address =
        ::inet_pton(AF_INET, name.c_str(), address) == 1 || ::inet_pton(AF_INET6, name.c_str(), address) == 1;
    text += (text.empty() ? "" : ",") + std::string(is_address ? "IP:" : "DNS:") + name;
  }
  return text;
}

}  // namespace

Result<KeyPair> make_authority(const std::string& name, Validity validity) {
  const Key key(EVP_EC_gen("P-256"));
  const Leaf made = key ? begin(key.get(), name, validity) : nullptr;
  X509* self = made.get();
  if (!made || X509_set_issuer_name(self, X509_get_subject_name(self)) != 1 ||
      !add_extension(self, self, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(self, self, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(self, self, NID_subject_key_identifier, "hash") || X509_sign(self, key.get(), EVP_sha256()) == 0) {
    return failure("make an authority");
  }
  return written(self, key.get());
}

Result<KeyPair> issue(const KeyPair& authority, const std::vector<std::string>& names, Validity validity) {
  for (const std::string& name : names) {
    if (!is_plain(name)) return error(Code::InvalidArgument, "a certificate can't be for such a name");
  }
  const Bio certificate_text(
      BIO_new_mem_buf(authority.certificate.data(), static_cast<int>(authority.certificate.size())));
  const Bio key_text(BIO_new_mem_buf(authority.key.data(), static_cast<int>(authority.key.size())));
  const Leaf issuer(PEM_read_bio_X509(certificate_text.get(), nullptr, nullptr, nullptr));
  const Key issuer_key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  if (!issuer || !issuer_key) return failure("read the authority");
  const Key key(EVP_EC_gen("P-256"));
  // A common name has 64 characters at most, and says nothing beside the alternative names: RFC 9525.
  const Leaf made = key ? begin(key.get(), "bimodal", validity) : nullptr;
  X509* leaf = made.get();
  if (!made || X509_set_issuer_name(leaf, X509_get_subject_name(issuer.get())) != 1 ||
      !add_extension(leaf, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(leaf, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(leaf, issuer.get(), NID_ext_key_usage, "serverAuth") ||
      !add_extension(leaf, issuer.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(leaf, issuer.get(), NID_authority_key_identifier, "keyid") ||
      !add_extension(leaf, issuer.get(), NID_subject_alt_name, alternative_names(names)) ||
      X509_sign(leaf, issuer_key.get(), EVP_sha256()) == 0) {
    return failure("make a certificate");
  }
  return written(leaf, key.get());
}

}  // namespace bimodal::tls

#include "tls/certificate.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

namespace bimodal::tls {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

Bio reader_of(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

Certificate::Clock::time_point time_of(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return {};
  return Certificate::Clock::from_time_t(::timegm(&fields));
}

std::vector<std::string> dns_names(X509* leaf) {
  std::vector<std::string> names;
  auto* all = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* each = sk_GENERAL_NAME_value(all, i);
    if (each->type != GEN_DNS) continue;
    const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(each->d.dNSName));
    std::string name(bytes, static_cast<std::size_t>(ASN1_STRING_length(each->d.dNSName)));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    names.push_back(std::move(name));
  }
  GENERAL_NAMES_free(all);
  return names;
}

// Without it OpenSSL would ask on the terminal.
int no_password(char*, int, int, void*) {
  return -1;
}

}  // namespace

Result<std::shared_ptr<const Certificate>> Certificate::from_pem(const std::string& chain, const std::string& key) {
  std::shared_ptr<Certificate> made(new Certificate());
  const Bio certificates = reader_of(chain);
  made->leaf_ = PEM_read_bio_X509_AUX(certificates.get(), nullptr, &no_password, nullptr);
  made->chain_ = sk_X509_new_null();
  while (made->leaf_ != nullptr) {
    X509* next = PEM_read_bio_X509(certificates.get(), nullptr, &no_password, nullptr);
    if (next == nullptr) break;
    sk_X509_push(made->chain_, next);
  }
  made->key_ = PEM_read_bio_PrivateKey(reader_of(key).get(), nullptr, &no_password, nullptr);
  const bool fits = made->leaf_ && made->key_ && X509_check_private_key(made->leaf_, made->key_) == 1;
  ERR_clear_error();  // such as the end of the file
  if (!made->leaf_) return error(Code::InvalidArgument, "there is no certificate (PEM) in it");
  if (!made->key_) return error(Code::InvalidArgument, "there is no private key (PEM, without a password) in it");
  if (!fits) return error(Code::InvalidArgument, "the private key isn't the certificate's");
  made->names_ = dns_names(made->leaf_);
  made->begins_ = time_of(X509_get0_notBefore(made->leaf_));
  made->ends_ = time_of(X509_get0_notAfter(made->leaf_));
  return std::shared_ptr<const Certificate>(std::move(made));
}

Certificate::~Certificate() {
  X509_free(leaf_);
  sk_X509_pop_free(chain_, &X509_free);
  EVP_PKEY_free(key_);
  SSL_CTX_free(carrier_);
}

bool Certificate::covers(std::string_view name) const {
  return std::any_of(names_.begin(), names_.end(), [name](const auto& each) { return matches_name(each, name); });
}

ssl_ctx_st* Certificate::carrier(ssl_ctx_st* (*make)()) const {
  std::call_once(carried_, [this, make] {
    carrier_ = make();
    if (carrier_ == nullptr || SSL_CTX_use_cert_and_key(carrier_, leaf_, key_, chain_, 1) == 1) return;
    SSL_CTX_free(carrier_);
    carrier_ = nullptr;
  });
  return carrier_;
}

bool matches_name(std::string_view pattern, std::string_view name) {
  if (!pattern.starts_with("*.")) return pattern == name;
  const std::size_t dot = name.find('.');
  return dot != std::string_view::npos && dot > 0 && name.substr(dot) == pattern.substr(1);
}

}  // namespace bimodal::tls

#include "tls/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <cstring>

#include "base/check.h"

namespace bimodal::tls {
namespace {

TicketKeys::Key fresh() {
  TicketKeys::Key key;
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&key), sizeof key) == 1);
  return key;
}

// Looked up once: to have it looked up for each ticket costs more than sealing it.
const EVP_CIPHER* cipher_of_tickets() {
  static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  CHECK(cipher != nullptr);
  return cipher;
}

bool set_mac(EVP_MAC_CTX* context, TicketKeys::Key& key) {
  char digest[] = "SHA256";
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(context, parameters.data()) == 1;
}

int index_of_keys() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// SSL_CTX_set_tlsext_ticket_key_evp_cb: 0: no such key, a full handshake follows; 2: give a new ticket; -1: failure.
int on_ticket(
    SSL* session, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int sealing) {
  auto* keys = static_cast<TicketKeys*>(SSL_get_ex_data(session, index_of_keys()));
  TicketKeys::Key key;
  bool is_old = false;
  int answer = 1;
  if (sealing) {
    key = keys->sealing();
    std::memcpy(name, key.name.data(), key.name.size());
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(cipher_of_tickets())) != 1) return -1;
    if (EVP_EncryptInit_ex(cipher, cipher_of_tickets(), nullptr, key.cipher.data(), iv) != 1) answer = -1;
  } else {
    if (!keys->opening(name, key, is_old)) return 0;
    if (EVP_DecryptInit_ex(cipher, cipher_of_tickets(), nullptr, key.cipher.data(), iv) != 1) answer = -1;
  }
  if (answer == 1 && !set_mac(mac, key)) answer = -1;
  OPENSSL_cleanse(&key, sizeof key);
  return answer == 1 && is_old ? 2 : answer;
}

}  // namespace

TicketKeys::TicketKeys() : current_(fresh()), previous_(fresh()), since_(std::chrono::steady_clock::now()) {}

TicketKeys::~TicketKeys() {
  OPENSSL_cleanse(&current_, sizeof current_);
  OPENSSL_cleanse(&previous_, sizeof previous_);
}

void TicketKeys::serve(ssl_ctx_st* context) {
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &on_ticket);
  SSL_CTX_set_timeout(context, std::chrono::seconds(kSealing).count());
}

void TicketKeys::lend(ssl_st* session) {
  SSL_set_ex_data(session, index_of_keys(), this);
}

std::string TicketKeys::save() const {
  const std::lock_guard guard(mutex_);
  std::string saved(reinterpret_cast<const char*>(&current_), sizeof current_);
  return saved.append(reinterpret_cast<const char*>(&previous_), sizeof previous_);
}

bool TicketKeys::load(const std::string& saved) {
  if (saved.size() != 2 * sizeof(Key)) return false;
  const std::lock_guard guard(mutex_);
  std::memcpy(&current_, saved.data(), sizeof current_);
  std::memcpy(&previous_, saved.data() + sizeof current_, sizeof previous_);
  return true;
}

void TicketKeys::rotate_by(std::chrono::steady_clock::time_point now) {
  const std::lock_guard guard(mutex_);
  rotate_locked(now);
}

void TicketKeys::rotate_locked(std::chrono::steady_clock::time_point now) {
  if (now - since_ < kSealing) return;
  const bool both_are_old = now - since_ >= 2 * kSealing;
  previous_ = both_are_old ? fresh() : current_;
  current_ = fresh();
  since_ = now;
}

TicketKeys::Key TicketKeys::sealing() {
  const std::lock_guard guard(mutex_);
  rotate_locked(std::chrono::steady_clock::now());
  return current_;
}

bool TicketKeys::opening(const unsigned char* name, Key& key, bool& is_old) const {
  const std::lock_guard guard(mutex_);
  for (const Key* each : {&current_, &previous_}) {
    if (std::memcmp(each->name.data(), name, each->name.size()) != 0) continue;
    key = *each;
    is_old = each == &previous_;
    return true;
  }
  return false;
}

}  // namespace bimodal::tls

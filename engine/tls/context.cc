#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls/socket_bio.h"

namespace bimodal::tls {
namespace {

// Nothing without forward secrecy and authenticated encryption; of TLS 1.3 all three of RFC 8446 §9.1 and ChaCha20.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr std::uint64_t kOptions = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF;
// A write is retried with the bytes that wait by then; an idle connection gives its buffers back.
constexpr long kModes = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS;

// Whether the list of an ALPN extension holds `protocol`.
bool offers(const unsigned char* list, std::size_t size, std::string_view protocol) {
  for (std::size_t at = 0; at < size; at += 1 + list[at]) {
    if (at + 1 + list[at] > size) return false;
    if (std::string_view(reinterpret_cast<const char*>(list) + at + 1, list[at]) == protocol) return true;
  }
  return false;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

Handshake* handshake_of(SSL* session) {
  return static_cast<Handshake*>(SSL_get_app_data(session));
}

std::string server_name_of(SSL* session) {
  const char* text = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  std::string name = text == nullptr ? "" : text;
  for (char& c : name) c = lower(c);
  if (name.ends_with('.')) name.pop_back();
  return name;
}

}  // namespace

void SessionDeleter::operator()(ssl_st* session) const {
  SSL_free(session);
}

// OpenSSL's callbacks in the order of a handshake. `context` is the Context.
struct Context::Callbacks {
  // An ACME server's validation offers acme-tls/1 and nothing else (RFC 8737 §3); ALPN proper is decided only after the
  // certificate.
  static int on_hello(SSL* session, int*, void*) {
    const unsigned char* extension = nullptr;
    std::size_t size = 0;
    Handshake* handshake = handshake_of(session);
    if (!handshake) return SSL_CLIENT_HELLO_SUCCESS;
    if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_application_layer_protocol_negotiation, &extension, &size) ==
            1 &&
        size == 2 + 1 + kAcmeTls1.size()) {
      handshake->is_challenge = offers(extension + 2, size - 2, kAcmeTls1);
    }
    return SSL_CLIENT_HELLO_SUCCESS;
  }

  static int on_server_name(SSL* session, int* alert, void* context) {
    const auto& self = *static_cast<const Context*>(context);
    Handshake* handshake = handshake_of(session);
    if (!handshake) return SSL_TLSEXT_ERR_OK;
    handshake->server_name = server_name_of(session);
    handshake->certificate = self.find(*handshake);
    if (handshake->certificate || self.obtain(*handshake)) return SSL_TLSEXT_ERR_OK;
    handshake->is_refused = true;
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  static int on_protocols(
      SSL* session, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
      unsigned offered_size, void*) {
    Handshake* handshake = handshake_of(session);
    if (!handshake) return SSL_TLSEXT_ERR_ALERT_FATAL;
    const auto& offers_http2 = handshake->context->settings_.offers_http2;
    if (handshake->is_challenge) {
      handshake->protocol = kAcmeTls1;
    } else if (offers(offered, offered_size, kHttp2) && offers_http2 && offers_http2(handshake->server_name)) {
      handshake->protocol = kHttp2;
    } else if (offers(offered, offered_size, kHttp1)) {
      handshake->protocol = kHttp1;
    } else {
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = reinterpret_cast<const unsigned char*>(handshake->protocol.data());
    *chosen_size = static_cast<unsigned char>(handshake->protocol.size());
    return SSL_TLSEXT_ERR_OK;
  }

  // What holds for a session whatever certificate it shows. OpenSSL asks the certificate's SSL_CTX too, once it is
  // chosen.
  static SSL_CTX* make() {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, kCiphers) != 1 || SSL_CTX_set1_groups_list(context, kGroups) != 1) {
      SSL_CTX_free(context);
      return nullptr;
    }
    SSL_CTX_set_options(context, kOptions);
    SSL_CTX_set_mode(context, kModes);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);  // a caller with several connections gets one on each
    SSL_CTX_set_alpn_select_cb(context, &on_protocols, nullptr);
    TicketKeys::serve(context);
    return context;
  }

  static bool show(SSL* session, const Certificate& certificate) {
    SSL_CTX* carrier = certificate.carrier(&make);
    return carrier != nullptr && SSL_set_SSL_CTX(session, carrier) != nullptr;
  }

  // In full handshakes only. -1: call again later (SSL_ERROR_WANT_X509_LOOKUP).
  static int on_certificate(SSL* session, void* context) {
    const auto& self = *static_cast<const Context*>(context);
    Handshake* handshake = handshake_of(session);
    if (!handshake) return 0;
    if (!handshake->certificate) handshake->certificate = self.find(*handshake);
    if (handshake->certificate) return show(session, *handshake->certificate) ? 1 : 0;
    return handshake->is_refused ? 0 : -1;
  }
};

void Context::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

Result<std::unique_ptr<Context>> Context::make(Settings settings) {
  std::unique_ptr<Context> made(new Context(std::move(settings)));
  TRY_VOID(made->open());
  return made;
}

Context::~Context() = default;

Result<void> Context::open() {
  ERR_clear_error();
  context_.reset(Callbacks::make());
  SSL_CTX* context = context_.get();
  if (context == nullptr) {
    return error(Code::Internal, "OpenSSL can't be set up: {}", ERR_reason_error_string(ERR_get_error()));
  }
  SSL_CTX_set_read_ahead(context, 1);  // a record costs one recv(2), not two
  SSL_CTX_set_client_hello_cb(context, &Callbacks::on_hello, this);
  SSL_CTX_set_tlsext_servername_callback(context, &Callbacks::on_server_name);
  SSL_CTX_set_tlsext_servername_arg(context, this);
  SSL_CTX_set_cert_cb(context, &Callbacks::on_certificate, this);
  return {};
}

Session Context::begin(int fd, Handshake& handshake) const {
  Session session(SSL_new(context_.get()));
  if (!session) return nullptr;
  BIO* socket = new_socket_bio(fd);
  SSL_set_bio(session.get(), socket, socket);
  handshake.context = this;
  SSL_set_app_data(session.get(), &handshake);
  tickets_.lend(session.get());
  SSL_set_accept_state(session.get());
  return session;
}

void Context::forget_handshake(ssl_st* session) {
  SSL_set_app_data(session, nullptr);
}

std::shared_ptr<const Certificate> Context::find(const Handshake& handshake) const {
  for (CertificateSource* source : settings_.sources) {
    auto found =
        handshake.is_challenge ? source->find_challenge(handshake.server_name) : source->find(handshake.server_name);
    if (found) return found;
  }
  return nullptr;
}

bool Context::obtain(const Handshake& handshake) const {
  if (handshake.is_challenge) return false;
  for (CertificateSource* source : settings_.sources) {
    if (source->obtain(handshake.server_name, handshake.make_wake())) return true;
  }
  return false;
}

}  // namespace bimodal::tls

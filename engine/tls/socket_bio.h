// OpenSSL's view of a socket that somebody else owns: send(2) without SIGPIPE, recv(2), nothing more.
#pragma once

struct bio_st;

namespace bimodal::tls {

// The caller owns it, as BIO_new() says.
bio_st* new_socket_bio(int fd);

}  // namespace bimodal::tls

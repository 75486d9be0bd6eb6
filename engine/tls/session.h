// OpenSSL's SSL, owned. Loop-bound: one thread at a time.
#pragma once

#include <memory>

struct ssl_st;

namespace bimodal::tls {

struct SessionDeleter {
  void operator()(ssl_st* session) const;
};
using Session = std::unique_ptr<ssl_st, SessionDeleter>;

}  // namespace bimodal::tls

// A server's certificate with its chain and its private key. Immutable: any thread.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct ssl_ctx_st;
struct x509_st;
struct stack_st_X509;
struct evp_pkey_st;

namespace bimodal::tls {

class Certificate {
 public:
  using Clock = std::chrono::system_clock;

  // The leaf comes first in `chain`. InvalidArgument when either isn't PEM, or the key is another certificate's; no
  // error tells anything of the key.
  static Result<std::shared_ptr<const Certificate>> from_pem(const std::string& chain, const std::string& key);
  ~Certificate();
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  // The DNS names that it is for, in lower case, wildcards as "*.example.com".
  const std::vector<std::string>& names() const { return names_; }
  // Whether it is for `name`; a wildcard stands for one label.
  bool covers(std::string_view name) const;
  Clock::time_point begins() const { return begins_; }
  Clock::time_point ends() const { return ends_; }

  // The SSL_CTX that has it, for SSL_set_SSL_CTX(): made by `make` when it is first asked for, then the same. To give
  // it to each session instead costs a comparison of its keys every time. Null: out of memory.
  ssl_ctx_st* carrier(ssl_ctx_st* (*make)()) const;

 private:
  Certificate() = default;

  x509_st* leaf_ = nullptr;
  stack_st_X509* chain_ = nullptr;  // behind the leaf
  evp_pkey_st* key_ = nullptr;
  std::vector<std::string> names_;
  Clock::time_point begins_, ends_;
  mutable std::once_flag carried_;
  mutable ssl_ctx_st* carrier_ = nullptr;
};

// Whether `pattern` ("example.com", "*.example.com") stands for `name`. Both in lower case.
bool matches_name(std::string_view pattern, std::string_view name);

}  // namespace bimodal::tls

// A certificate with its key, and when what about it is due. Values; pure functions.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "acme/x509.h"

namespace bimodal::acme {

struct Certificate {
  std::string name;       // that it is for: "api.example.com", "*.example.com"
  std::string chain_pem;  // its own first
  std::string key_pem;    // a secret
  Time not_before, not_after;
};
using CertificatePtr = std::shared_ptr<const Certificate>;

// At two thirds of its life, and up to a thirtieth later: names that were issued together aren't renewed together.
Time renewal_time(const Certificate& certificate);

// How long after the `failures`-th failure in a row (from 1) nothing is asked for `name`: 2 min, doubling up to 12 h, a
// tenth more or less by name; `asked` by the CA, if longer. While a certificate is valid, no longer than a tenth of
// what is left of it. Five tries fall into the first hour, which is what public CAs allow.
std::chrono::milliseconds back_off(
    const std::string& name, int failures, std::optional<std::chrono::seconds> asked,
    std::optional<std::chrono::milliseconds> left);

}  // namespace bimodal::acme

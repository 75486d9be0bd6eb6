// What a CA says went wrong (RFC 7807 documents, RFC 8555 §6.7), in words that help. Pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "acme/fetch.h"
#include "base/result.h"

namespace bimodal::acme {

// An Error, and when the CA said to come again.
struct Failure {
  Error error;
  std::optional<std::chrono::seconds> retry_after;
};

template <typename T>
using Outcome = tl::expected<T, Failure>;

// The last part of a problem's type, "rateLimited"; empty when the text is no problem document.
std::string problem_type(const std::string& body);

// What a problem document about `name` (a domain, or "the account") means, with its remedy.
Error explain(const std::string& name, const std::string& body, int status);

// Seconds, or a date (RFC 9110 §10.2.3), at most a week. None when the response says nothing.
std::optional<std::chrono::seconds> retry_after(
    const HttpResponse& response, std::chrono::system_clock::time_point now);

}  // namespace bimodal::acme

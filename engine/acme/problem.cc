#include "acme/problem.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "acme/json_text.h"

namespace bimodal::acme {

using nlohmann::json;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kPrefix = "urn:ietf:params:acme:error:";
constexpr std::size_t kMaxDetail = 500;
constexpr std::chrono::seconds kLongest = 7 * 24h;

struct Meaning {
  std::string_view type;
  Code code;
  std::string_view remedy;  // "{}" stands for the name
};

constexpr Meaning kMeanings[] = {
    {"accountDoesNotExist", Code::NotFound, "remove keys/acme in the home directory to have a new account made"},
    {"badCSR", Code::InvalidArgument, "the CA doesn't issue for that name or key"},
    {"caa", Code::PermissionDenied, "a CAA record of its DNS zone forbids this CA: add one that allows it"},
    {"connection", Code::Unavailable,
     "the CA must reach this host by that name: port 80 for http-01, port 443 for tls-alpn-01; `bimodal domain check "
     "{}` says what is missing"},
    {"dns", Code::Unavailable, "`bimodal domain check {}` says which DNS record is missing"},
    {"externalAccountRequired", Code::FailedPrecondition, "this CA wants acme.eab_file"},
    {"incorrectResponse", Code::Unavailable,
     "something else answers there: does the name lead to this host, past every proxy?"},
    {"invalidContact", Code::InvalidArgument, "correct acme.email"},
    {"unsupportedContact", Code::InvalidArgument, "correct acme.email"},
    {"rateLimited", Code::ResourceExhausted, "it is asked again later"},
    {"rejectedIdentifier", Code::PermissionDenied, "this CA doesn't issue for that name"},
    {"serverInternal", Code::Unavailable, "the CA has trouble; it is asked again later"},
    {"tls", Code::Unavailable, "port 443 of that name must lead to this host, not to a proxy that ends TLS"},
    {"unauthorized", Code::PermissionDenied,
     "something else answers there, or the account is barred: does the name lead to this host?"},
    {"unsupportedIdentifier", Code::PermissionDenied, "this CA doesn't issue for that name"},
    {"userActionRequired", Code::FailedPrecondition, "follow what the CA says there"},
};

std::string with_name(std::string_view remedy, const std::string& name) {
  std::string out(remedy);
  if (const std::size_t at = out.find("{}"); at != out.npos) out.replace(at, 2, name);
  return out;
}

// One line, of printable characters.
std::string clean(std::string text) {
  if (text.size() > kMaxDetail) text.resize(kMaxDetail);
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

std::string type_of(const json& document) {
  const std::string type = text_in(document, "type");
  return type.starts_with(kPrefix) ? type.substr(kPrefix.size()) : std::string();
}

}  // namespace

std::string problem_type(const std::string& body) {
  const json document = json::parse(body, nullptr, /*allow_exceptions=*/false);
  return document.is_object() ? type_of(document) : std::string();
}

Error explain(const std::string& name, const std::string& body, int status) {
  const json document = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) {
    return {Code::Unavailable, fmt::format("{}: the CA answered {} without a reason", name, status)};
  }
  const std::string type = type_of(document), detail = clean(text_in(document, "detail"));
  for (const Meaning& one : kMeanings) {
    if (one.type != type) continue;
    return {one.code, fmt::format("{}: {} ({}); {}", name, type, detail, with_name(one.remedy, name))};
  }
  const Code code = status >= 500 ? Code::Unavailable : Code::FailedPrecondition;
  return {code, fmt::format("{}: the CA answered {} {} ({})", name, status, clean(text_in(document, "type")), detail)};
}

std::optional<std::chrono::seconds> retry_after(
    const HttpResponse& response, std::chrono::system_clock::time_point now) {
  const std::string text = response.field("retry-after");
  if (text.empty()) return std::nullopt;
  std::chrono::seconds wait{};
  if (std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); })) {
    wait = text.size() > 9 ? kLongest : std::chrono::seconds(std::stol(text));
  } else {
    std::tm parts{};
    if (::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) return std::nullopt;
    const auto then = std::chrono::system_clock::from_time_t(::timegm(&parts));
    wait = std::chrono::ceil<std::chrono::seconds>(then - now);
  }
  return std::clamp(wait, 0s, kLongest);
}

}  // namespace bimodal::acme

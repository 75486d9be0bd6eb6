#include "gateway/request_encoder.h"

#include <algorithm>

#include "gateway/origin.h"
#include "gateway/proxy_credentials.h"
#include "http/chars.h"
#include "wire/frame.h"

namespace bimodal::gateway {
namespace {

// A cheap first look: every name below begins with one of these letters.
bool may_be_ours(char c) {
  return c == 'a' || c == 'c' || c == 'e' || c == 'f' || c == 'k' || c == 'm' || c == 'p' || c == 't' || c == 'u' ||
         c == 'x';
}

// What Connection names besides what is left out anyway. Nearly always nothing.
bool names_more_fields(const http::RequestHead& head) {
  return std::any_of(head.connection_options.begin(), head.connection_options.end(), [](std::string_view option) {
    return !http::equals_ignoring_case(option, "keep-alive") && !http::equals_ignoring_case(option, "upgrade");
  });
}

bool is_for_the_app(const http::Field& field, const RequestFacts& facts) {
  if (facts.kind == wire::RequestKind::Tunnel && field.name == "upgrade") return true;
  if (may_be_ours(field.name[0])) {
    if (http::is_hop_by_hop(field.name) || field.name == "expect" || field.name == "x-forwarded-for") return false;
    if (!facts.is_forwarded && is_forwarding_field(field.name)) return false;
    if (field.name == "modal-key" || field.name == "modal-secret") return false;
    if (field.name == "authorization" && is_proxy_token(field.value)) return false;
  }
  return true;
}

bool is_named_by_connection(const http::RequestHead& head, const http::Field& field, const RequestFacts& facts) {
  if (facts.kind == wire::RequestKind::Tunnel && field.name == "upgrade") return false;
  return std::any_of(head.connection_options.begin(), head.connection_options.end(), [&](std::string_view option) {
    return http::equals_ignoring_case(option, field.name);
  });
}

// TE is between the caller and us, but for this: whether it takes trailers is asked of whoever may send some (RFC 9110
// §10.1.4). Elements with parameters other than that name codings, of which we offer none.
bool takes_trailers(const http::RequestHead& head) {
  bool found = false;
  for (const http::Field& field : head.fields) {
    if (field.name != "te") continue;
    http::for_each_element(
        field.value, [&](std::string_view element) { found |= http::equals_ignoring_case(element, "trailers"); });
  }
  return found;
}

}  // namespace

std::uint8_t version_of(const http::RequestHead& head) {
  return static_cast<std::uint8_t>(head.major_version == 2 ? 20 : 10 + head.minor_version);
}

std::size_t begin_request_frame(
    const http::RequestHead& head, const RequestFacts& facts, wire::RequestHead& scratch, std::string& out) {
  scratch.kind = facts.kind;
  scratch.http_version = version_of(head);
  scratch.https = facts.https;
  scratch.web_method = facts.web_method;
  scratch.request_id = facts.request_id;
  scratch.method = head.method;
  scratch.raw_path = head.path;
  scratch.query = head.query;
  scratch.client_host = facts.client_host;
  scratch.client_port = facts.client_port;
  scratch.server_host = facts.server_host;
  scratch.server_port = facts.server_port;
  scratch.headers.clear();
  const bool ask_connection = names_more_fields(head);
  for (const http::Field& field : head.fields) {
    if (!is_for_the_app(field, facts)) continue;
    if (ask_connection && is_named_by_connection(head, field, facts)) continue;
    scratch.headers.push_back({field.name, field.value});
  }
  if (facts.kind == wire::RequestKind::Http && takes_trailers(head)) scratch.headers.push_back({"te", "trailers"});
  out.resize(out.size() + wire::kHeaderSize);
  const std::size_t before = out.size();
  if (!wire::encode(scratch, out)) return 0;
  return out.size() - before;
}

void seal_request_frame(std::string& frame, std::size_t head_size, bool is_whole) {
  wire::encode(
      {.size = static_cast<std::uint32_t>(frame.size() - wire::kHeaderSize),
       .stream = 0,
       .type = wire::FrameType::Request,
       .flags = is_whole ? wire::kEnd : std::uint8_t{0},
       .extra = static_cast<std::uint32_t>(head_size)},
      frame.data());
}

}  // namespace bimodal::gateway

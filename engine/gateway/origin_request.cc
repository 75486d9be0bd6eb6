#include "gateway/origin_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/check.h"
#include "wire/frame.h"
#include "wire/head.h"

namespace bimodal::gateway {
namespace {

bool is_idempotent(std::string_view method) {
  constexpr std::array<std::string_view, 6> kMethods{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"};
  return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

// Fields that say something about the way here: the gateway says that itself.
bool is_ours(std::string_view name) {
  return name == "x-forwarded-for" || name == "x-forwarded-proto";
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

// As the gateway writes it (request_encoder.cc).
bool takes_trailers(const wire::RequestHead& head) {
  return std::any_of(head.headers.begin(), head.headers.end(), [](const auto& field) { return field.name == "te"; });
}

// Returns whether a Content-Length was among them.
bool append_fields(const wire::RequestHead& head, std::string& out) {
  bool has_length = false;
  for (const wire::Header& field : head.headers) {
    if (is_ours(field.name)) continue;
    has_length |= field.name == "content-length";
    append_field(out, field.name, field.value);
  }
  if (!head.client_host.empty()) append_field(out, "x-forwarded-for", head.client_host);
  append_field(out, "x-forwarded-proto", head.https ? "https" : "http");
  if (head.kind == wire::RequestKind::Tunnel) {
    append_field(out, "connection", "upgrade");
  } else if (takes_trailers(head)) {
    append_field(out, "connection", "te");
  }
  return has_length;
}

OriginRequest write_head(const wire::RequestHead& head, std::size_t body_size, bool ended, std::string& out) {
  OriginRequest request{.is_head = head.method == "HEAD", .ended = ended};
  request.takes_trailers = takes_trailers(head);
  request.may_switch = head.kind == wire::RequestKind::Tunnel;
  request.is_idempotent = !request.may_switch && ended && body_size == 0 && is_idempotent(head.method);
  out.append(head.method).append(" ").append(head.raw_path);
  if (!head.query.empty()) out.append("?").append(head.query);
  out.append(" HTTP/1.1\r\n");
  if (!append_fields(head, out)) {
    request.chunked = !ended;
    if (request.chunked) append_field(out, "transfer-encoding", "chunked");
    if (ended && body_size > 0) append_field(out, "content-length", std::to_string(body_size));
  }
  out.append("\r\n");
  return request;
}

}  // namespace

OriginRequest write_origin_request(std::string_view frames, std::string& out) {
  OriginRequest request;
  for (bool first = true; !frames.empty(); first = false) {
    const auto header = wire::decode_frame_header(frames.data());
    CHECK(header && frames.size() >= wire::kHeaderSize + header->size);
    std::string_view body = frames.substr(wire::kHeaderSize, header->size);
    frames.remove_prefix(wire::kHeaderSize + header->size);
    const bool last = (header->flags & wire::kEnd) != 0;
    if (first) {
      wire::RequestHead head;
      CHECK(wire::decode(body.substr(0, header->extra), head));
      body.remove_prefix(header->extra);
      request = write_head(head, body.size(), last, out);
    }
    write_origin_body(body, last, request.chunked, out);
    request.ended = last;
  }
  return request;
}

void write_origin_body(std::string_view bytes, bool last, bool chunked, std::string& out) {
  if (!chunked) {
    out.append(bytes);
    return;
  }
  if (!bytes.empty()) {
    fmt::format_to(std::back_inserter(out), "{:x}\r\n", bytes.size());
    out.append(bytes).append("\r\n");
  }
  if (last) out.append("0\r\n\r\n");
}

}  // namespace bimodal::gateway

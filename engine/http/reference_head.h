// The same rules around Boost.Beast's parser: what parse_request_head() is compared with.
#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>

#include "http/chars.h"
#include "http/head_scan.h"
#include "http/request_head.h"
#include "http/target.h"

namespace bimodal::http::reference {

namespace beast = boost::beast;
using beast::http::field;
using ErrorCode = beast::error_code;

inline std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

struct Refusal {
  int status = 0;  // 0: none
  const char* reason = "";
};

// Collects what Beast's parser finds and adds the rules that it lacks. Views only; nothing is copied.
class HeadParser final : public beast::http::basic_parser<true> {
 public:
  explicit HeadParser(RequestHead& head) : head_(head) {}

  Refusal parse(char* data, std::size_t size) {
    header_limit(static_cast<std::uint32_t>(size));
    body_limit(boost::none);
    ErrorCode failure;
    put(boost::asio::const_buffer(data, size), failure);
    if (!failure && refusal_.status == 0) check_whole();
    if (failure && refusal_.status == 0) refuse_for(failure, data, size);
    return refusal_;
  }

 private:
  void refuse(int status, const char* reason) {
    if (refusal_.status == 0) refusal_ = {status, reason};
  }

  void refuse_for(const ErrorCode& failure, const char* data, std::size_t size) {
    if (failure == beast::http::error::bad_version) return refuse_version(data, size);
    if (failure == beast::http::error::bad_method) return refuse(400, "malformed method");
    if (failure == beast::http::error::bad_target) return refuse(400, "malformed request target");
    if (failure == beast::http::error::bad_field) return refuse(400, "malformed header name");
    if (failure == beast::http::error::bad_value) return refuse(400, "malformed header value");
    if (failure == beast::http::error::bad_content_length) return refuse(400, "malformed Content-Length");
    if (failure == beast::http::error::multiple_content_length) return refuse(400, "several Content-Length headers");
    if (failure == beast::http::error::bad_transfer_encoding) return refuse(400, "ambiguous Transfer-Encoding");
    refuse(400, "malformed request head");
  }

  // 505 for a version that is well written but not ours, 400 for a line that isn't a request line.
  void refuse_version(const char* data, std::size_t size) {
    std::string_view line(data, size);
    line = line.substr(0, line.find('\r'));
    std::string_view version = line.substr(line.rfind(' ') + 1);
    const bool three_parts = std::count(line.begin(), line.end(), ' ') == 2;
    const bool well_written = three_parts && version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.';
    refuse(well_written ? 505 : 400, well_written ? "only HTTP/1.0 and HTTP/1.1 are spoken" : "malformed request line");
  }

  void on_request_impl(
      beast::http::verb, beast::string_view method, beast::string_view target, int version, ErrorCode&) override {
    head_.method = view(method);
    head_.minor_version = version - 10;
    target_ = view(target);
  }

  void on_field_impl(field id, beast::string_view name, beast::string_view value, ErrorCode& failure) override {
    head_.fields.push_back({view(name), view(value)});
    if (id != field::unknown) note(id, view(value));
    if (refusal_.status != 0) failure = beast::http::error::bad_value;
  }

  void note(field id, std::string_view value) {
    switch (id) {
      case field::host:
        return note_host(value);
      case field::content_length:
        return note_content_length(value);
      case field::transfer_encoding:
        return note_transfer_encoding(value);
      case field::connection:
        return note_connection(value);
      case field::expect:
        return note_expect(value);
      case field::upgrade:
        upgrade_websocket_ |= equals_ignoring_case(value, "websocket");
        return;
      default:
        return;
    }
  }

  void note_host(std::string_view value) {
    if (host_index_ >= 0) return refuse(400, "several Host headers");
    host_index_ = static_cast<int>(head_.fields.size()) - 1;
    if (!is_host(value)) return refuse(400, "malformed Host header");
    head_.host = value;
  }

  void note_content_length(std::string_view value) {
    if (head_.content_length) return refuse(400, "several Content-Length headers");
    std::uint64_t length = 0;
    auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), length);
    bool all_digits = std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (failure != std::errc() || end != value.data() + value.size() || !all_digits) {
      return refuse(400, "malformed Content-Length");
    }
    head_.content_length = length;
  }

  void note_transfer_encoding(std::string_view value) {
    if (head_.minor_version == 0) return refuse(400, "Transfer-Encoding in HTTP/1.0");
    if (head_.chunked) return refuse(400, "several Transfer-Encoding headers");
    if (!equals_ignoring_case(value, "chunked")) return refuse(501, "only Transfer-Encoding: chunked is understood");
    head_.chunked = true;
  }

  void note_connection(std::string_view value) {
    for_each_element(value, [this](std::string_view option) {
      head_.connection_options.push_back(option);
      if (equals_ignoring_case(option, "close")) close_ = true;
      if (equals_ignoring_case(option, "keep-alive")) keep_alive_ = true;
      if (equals_ignoring_case(option, "upgrade")) upgrade_ = true;
    });
  }

  void note_expect(std::string_view value) {
    if (!equals_ignoring_case(value, "100-continue")) return refuse(417, "only Expect: 100-continue is understood");
    head_.expects_continue = true;
  }

  // What only the whole head can tell.
  void check_whole() {
    if (head_.content_length && head_.chunked) return refuse(400, "both Content-Length and Transfer-Encoding");
    Target target;
    if (!http::parse_target(head_.method, target_, target)) return refuse(400, "malformed request target");
    head_.path = target.path;
    head_.query = target.query;
    if (host_index_ < 0 && head_.minor_version >= 1) return refuse(400, "no Host header");
    if (target.is_absolute) take_host(target.host);
    head_.keep_alive = !close_ && (head_.minor_version >= 1 || keep_alive_);
    if (head_.minor_version == 0) head_.expects_continue = false;
    head_.wants_websocket = upgrade_ && upgrade_websocket_ && head_.minor_version >= 1;
  }

  // RFC 9112 §3.2.2: the host of an absolute target replaces the Host header.
  void take_host(std::string_view host) {
    head_.host = host;
    if (host_index_ >= 0) head_.fields[static_cast<std::size_t>(host_index_)].value = host;
  }

  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(beast::string_view, ErrorCode&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, ErrorCode&) override { return 0; }
  void on_finish_impl(ErrorCode&) override {}

  // Only for Beast, which asks for it in responses.
  void on_response_impl(int, beast::string_view, int, ErrorCode&) override {}

  RequestHead& head_;
  Refusal refusal_;
  std::string_view target_;
  int host_index_ = -1;
  bool close_ = false;
  bool keep_alive_ = false;
  bool upgrade_ = false;
  bool upgrade_websocket_ = false;
};

// The names lie in `data`, which the caller may change.
inline void lower_names(const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    for (const char& c : field.name) const_cast<char&>(c) = lower(c);
  }
}

inline HeadResult bad(int status, const char* reason) {
  return {.outcome = HeadResult::Outcome::Bad, .status = status, .reason = reason};
}

// As http::parse_request_head() of a whole head at the front of `data`.
inline HeadResult parse_request_head(char* data, std::size_t size, RequestHead& head) {
  const std::size_t skipped = size >= 2 && data[0] == '\r' && data[1] == '\n' ? 2 : 0;
  std::size_t resume = 0;
  HeadScan scan = scan_head(std::string_view(data + skipped, size - skipped), resume);
  if (*scan.problem) return bad(400, scan.problem);
  if (scan.end == 2) return bad(400, "empty lines instead of a request");
  if (scan.end == 0) return {};
  head.clear();
  Refusal refusal = HeadParser(head).parse(data + skipped, scan.end);
  if (refusal.status != 0) return bad(refusal.status, refusal.reason);
  lower_names(head.fields);
  return {.outcome = HeadResult::Outcome::Complete, .size = skipped + scan.end};
}

}  // namespace bimodal::http::reference

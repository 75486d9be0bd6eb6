#include "http/origin_head.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>

#include "http/chars.h"
#include "http/head_scan.h"

namespace bimodal::http {
namespace {

namespace beast = boost::beast;
using beast::http::field;
using ErrorCode = beast::error_code;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

// Collects what Beast's parser finds and adds the rules that it lacks. Views only; nothing is copied.
class OriginParser final : public beast::http::basic_parser<false> {
 public:
  explicit OriginParser(OriginHead& head) : head_(head) {}

  // Empty when the head is good.
  const char* parse(std::string_view bytes) {
    header_limit(static_cast<std::uint32_t>(bytes.size()));
    body_limit(boost::none);
    skip(true);  // how long the body is, is our decision
    ErrorCode failure;
    put(boost::asio::const_buffer(bytes.data(), bytes.size()), failure);
    if (*refusal_ == 0 && failure) refuse_for(failure);
    if (*refusal_ == 0) check_whole();
    return refusal_;
  }

 private:
  void refuse(const char* reason) {
    if (*refusal_ == 0) refusal_ = reason;
  }

  void refuse_for(const ErrorCode& failure) {
    if (failure == beast::http::error::bad_content_length) return refuse("a malformed or ambiguous Content-Length");
    if (failure == beast::http::error::multiple_content_length) return refuse("several Content-Length headers");
    if (failure == beast::http::error::bad_transfer_encoding) return refuse("an ambiguous Transfer-Encoding");
    refuse("a malformed response head");
  }

  void on_response_impl(int status, beast::string_view, int version, ErrorCode&) override {
    head_.status = status;
    head_.minor_version = version - 10;
    if (status < 100 || status > 599) refuse("a status outside 100 to 599");
  }

  void on_field_impl(field id, beast::string_view name, beast::string_view value, ErrorCode& failure) override {
    head_.fields.push_back({view(name), view(value)});
    if (!is_token(view(name)) || !is_field_value(view(value))) refuse("a malformed header");
    if (id == field::content_length) note_length(view(value));
    if (id == field::transfer_encoding) note_coding(view(value));
    if (id == field::connection) note_connection(view(value));
    if (*refusal_ != 0) failure = beast::http::error::bad_value;
  }

  void note_length(std::string_view value) {
    std::uint64_t length = 0;
    auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (head_.content_length) return refuse("several Content-Length headers");
    if (value.empty() || failure != std::errc() || end != value.data() + value.size()) {
      return refuse("a malformed Content-Length");
    }
    head_.content_length = length;
  }

  void note_coding(std::string_view value) {
    if (head_.minor_version == 0) return refuse("Transfer-Encoding in HTTP/1.0");
    if (head_.chunked) return refuse("several Transfer-Encoding headers");
    if (!equals_ignoring_case(value, "chunked")) return refuse("a Transfer-Encoding other than chunked");
    head_.chunked = true;
  }

  void note_connection(std::string_view value) {
    for_each_element(value, [this](std::string_view option) {
      close_ |= equals_ignoring_case(option, "close");
      keep_alive_ |= equals_ignoring_case(option, "keep-alive");
    });
  }

  void check_whole() {
    if (head_.content_length && head_.chunked) return refuse("both Content-Length and Transfer-Encoding");
    head_.keep_alive = !close_ && (head_.minor_version >= 1 || keep_alive_);
  }

  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(beast::string_view, ErrorCode&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, ErrorCode&) override { return 0; }
  void on_finish_impl(ErrorCode&) override {}

  // Only for Beast, which asks for it in requests.
  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int, ErrorCode&) override {}

  OriginHead& head_;
  const char* refusal_ = "";
  bool close_ = false;
  bool keep_alive_ = false;
};

OriginResult bad(const char* reason) {
  return {.outcome = OriginResult::Outcome::Bad, .reason = reason};
}

}  // namespace

OriginResult parse_origin_head(std::string_view data, std::size_t limit, std::size_t& resume, OriginHead& head) {
  HeadScan scan = scan_head(data, resume);
  if (*scan.problem) return bad(scan.problem);
  if (scan.end > limit || (scan.end == 0 && data.size() >= limit)) return bad("a response head that is too large");
  if (scan.end == 0) return {};
  auto fields = std::move(head.fields);
  fields.clear();
  head = OriginHead();
  head.fields = std::move(fields);
  resume = 0;
  if (const char* reason = OriginParser(head).parse(data.substr(0, scan.end)); *reason != 0) return bad(reason);
  return {.outcome = OriginResult::Outcome::Complete, .size = scan.end};
}

}  // namespace bimodal::http

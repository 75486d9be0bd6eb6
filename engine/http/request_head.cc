#include "http/request_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "http/chars.h"
#include "http/head_scan.h"
#include "http/target.h"

namespace bimodal::http {
namespace {

struct Refusal {
  int status = 0;  // 0: none
  const char* reason = "";
};

// What a byte of a field's name is in lower case; 0: it can't stand there.
consteval std::array<char, 256> name_table() {
  std::array<char, 256> table{};
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (is_token_char(c)) table[static_cast<std::size_t>(byte)] = lower(c);
  }
  return table;
}
constexpr std::array<char, 256> kNameTable = name_table();

// Whether one of eight bytes may be what no value holds: a control character (a tab is one, too) or DEL.
bool may_hold_control(const char* eight) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHighs = 0x80 * kOnes;
  std::uint64_t bytes;
  std::memcpy(&bytes, eight, sizeof bytes);
  const std::uint64_t deletes = bytes ^ 0x7f * kOnes;
  // A byte below 0x20 borrows from its high bit, and so does one that is 0.
  return (((bytes - 0x20 * kOnes) & ~bytes) | ((deletes - kOnes) & ~deletes)) & kHighs;
}

bool is_good_value(std::string_view value) {
  if (value.size() < 8) return is_field_value(value);
  const char* const last = value.data() + value.size() - 8;
  for (const char* at = value.data(); at < last; at += 8) {
    if (may_hold_control(at)) return is_field_value(value);
  }
  return !may_hold_control(last) || is_field_value(value);
}

// Splits a head whose lines scan_head() has found good, and applies the rules of docs/decisions/0001. Views only;
// nothing is copied, but names become lower case where they lie.
class HeadParser {
 public:
  explicit HeadParser(RequestHead& head) : head_(head) {}

  // `data` ends with the empty line.
  Refusal parse(char* data, std::size_t size) {
    end_ = data + size;
    char* at = parse_request_line(data);
    while (at != end_ - 2 && refusal_.status == 0) at = parse_field(at);
    if (refusal_.status == 0) check_whole();
    return refusal_;
  }

 private:
  void refuse(int status, const char* reason) {
    if (refusal_.status == 0) refusal_ = {status, reason};
  }

  // The line at `at`, without its CRLF.
  std::string_view line_at(const char* at) const {
    const void* line_feed = std::memchr(at, '\n', static_cast<std::size_t>(end_ - at));
    return {at, static_cast<std::size_t>(static_cast<const char*>(line_feed) - at) - 1};
  }

  // Returns where the next line begins.
  char* parse_request_line(char* data) {
    const std::string_view line = line_at(data);
    split_request_line(line);
    return data + line.size() + 2;
  }

  void split_request_line(std::string_view line) {
    const std::size_t method_end = line.find(' ');
    head_.method = line.substr(0, method_end);
    if (method_end == std::string_view::npos || !is_token(head_.method)) return refuse(400, "malformed method");
    std::string_view rest = line.substr(method_end + 1);
    const std::size_t target_end = rest.find(' ');
    const std::string_view target = rest.substr(0, target_end);
    if (target_end == std::string_view::npos || target.empty()) return refuse(400, "malformed request target");
    const std::string_view version = rest.substr(target_end + 1);
    if (version != "HTTP/1.1" && version != "HTTP/1.0") return refuse_version(version);
    head_.minor_version = version.back() - '0';
    if (!parse_target(head_.method, target, target_)) return refuse(400, "malformed request target");
    head_.path = target_.path;
    head_.query = target_.query;
  }

  // 505 for a version that is well written but not ours, 400 for a line that isn't a request line.
  void refuse_version(std::string_view version) {
    const bool well_written = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' &&
                              version.find(' ') == std::string_view::npos;
    refuse(well_written ? 505 : 400, well_written ? "only HTTP/1.0 and HTTP/1.1 are spoken" : "malformed request line");
  }

  char* parse_field(char* const name) {
    char* at = name;
    for (char lowered; (lowered = kNameTable[static_cast<unsigned char>(*at)]) != 0; ++at) *at = lowered;
    const std::string_view rest = line_at(at);
    char* const next = at + rest.size() + 2;
    if (at == name || *at != ':') {
      refuse(400, "malformed header name");
      return next;
    }
    const std::string_view value = trimmed(rest.substr(1));
    if (!is_good_value(value)) {
      refuse(400, "malformed header value");
      return next;
    }
    head_.fields.push_back({{name, static_cast<std::size_t>(at - name)}, value});
    note(head_.fields.back().name, value);
    return next;
  }

  // Most names are told apart by their length.
  void note(std::string_view name, std::string_view value) {
    switch (name.size()) {
      case 4:
        return name == "host" ? note_host(value) : void();
      case 6:
        return name == "expect" ? note_expect(value) : void();
      case 7:
        if (name == "upgrade") upgrade_websocket_ |= equals_ignoring_case(value, "websocket");
        return;
      case 10:
        return name == "connection" ? note_connection(value) : void();
      case 14:
        return name == "content-length" ? note_content_length(value) : void();
      case 16:
        if (name == "proxy-connection" && !is_token_list(value)) refuse(400, "malformed header value");
        return;
      case 17:
        return name == "transfer-encoding" ? note_transfer_encoding(value) : void();
      default:
        return;
    }
  }

  static bool is_token_list(std::string_view value) {
    bool all = true;
    for_each_element(value, [&all](std::string_view element) { all &= is_token(element); });
    return all;
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
    if (!is_token_list(value)) return refuse(400, "malformed header value");
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
    if (host_index_ < 0 && head_.minor_version >= 1) return refuse(400, "no Host header");
    if (target_.is_absolute) take_host(target_.host);
    head_.keep_alive = !close_ && (head_.minor_version >= 1 || keep_alive_);
    if (head_.minor_version == 0) head_.expects_continue = false;
    head_.wants_websocket = upgrade_ && upgrade_websocket_ && head_.minor_version >= 1;
  }

  // RFC 9112 §3.2.2: the host of an absolute target replaces the Host header.
  void take_host(std::string_view host) {
    head_.host = host;
    if (host_index_ >= 0) head_.fields[static_cast<std::size_t>(host_index_)].value = host;
  }

  RequestHead& head_;
  Refusal refusal_;
  const char* end_ = nullptr;
  Target target_;
  int host_index_ = -1;
  bool close_ = false;
  bool keep_alive_ = false;
  bool upgrade_ = false;
  bool upgrade_websocket_ = false;
};

HeadResult bad(int status, const char* reason) {
  return {.outcome = HeadResult::Outcome::Bad, .status = status, .reason = reason};
}

}  // namespace

void RequestHead::clear() {
  std::vector<Field> kept_fields = std::move(fields);
  std::vector<std::string_view> kept_options = std::move(connection_options);
  *this = RequestHead();
  fields = std::move(kept_fields);
  fields.clear();
  connection_options = std::move(kept_options);
  connection_options.clear();
}

HeadResult parse_request_head(char* data, std::size_t size, std::size_t limit, std::size_t& resume, RequestHead& head) {
  // RFC 9112 §2.2: one empty line before a request is forgiven; some old clients send it behind a POST.
  std::size_t skipped = 0;
  if (size >= 1 && data[0] == '\r') {
    if (size == 1) return {};
    if (data[1] != '\n') return bad(400, "a stray CR in the head");
    skipped = 2;
  }
  HeadScan scan = scan_head(std::string_view(data + skipped, size - skipped), resume);
  if (*scan.problem) return bad(400, scan.problem);
  if (scan.end == 2) return bad(400, "empty lines instead of a request");
  if (scan.end > limit || (scan.end == 0 && size - skipped >= limit)) return bad(431, "the request head is too large");
  if (scan.end == 0) return {};

  head.clear();
  Refusal refusal = HeadParser(head).parse(data + skipped, scan.end);
  resume = 0;
  if (refusal.status != 0) return bad(refusal.status, refusal.reason);
  return {.outcome = HeadResult::Outcome::Complete, .size = skipped + scan.end};
}

}  // namespace bimodal::http

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iterator>

#include "gateway/access_log.h"

namespace bimodal::gateway {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;  // ns

// Bytes beyond ASCII are told as what they are, so that a line is valid JSON whatever came.
void append_text(std::string_view name, std::string_view text, std::string& out) {
  out.append(",\"").append(name).append("\":\"");
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (byte < 0x20 || byte >= 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void append_time(std::int64_t at_ms, std::string& out) {
  const std::time_t seconds = at_ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  fmt::format_to(
      std::back_inserter(out), "{{\"time\":\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z\"", parts.tm_year + 1900,
      parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, at_ms % 1000);
}

std::string_view protocol_of(std::uint8_t version) {
  if (version == 20) return "HTTP/2";
  return version == 10 ? "HTTP/1.0" : "HTTP/1.1";
}

}  // namespace

void append_access_line(const Access& access, std::int64_t now_ns, std::int64_t wall_ms, std::string& out) {
  append_time(wall_ms - (now_ns - access.arrived_ns) / kMillisecond, out);
  append_text("id", text_of(access.id), out);
  append_text("client", access.client, out);
  append_text("method", access.method, out);
  append_text("host", access.host, out);
  append_text("path", access.path, out);
  append_text("protocol", protocol_of(access.http_version), out);
  if (!access.tls.empty()) append_text("tls", access.tls, out);
  const std::int64_t span = std::max<std::int64_t>(0, access.ended_ns - access.arrived_ns);
  fmt::format_to(
      std::back_inserter(out), ",\"status\":{},\"received\":{},\"sent\":{},\"ms\":{}.{:03}", access.status,
      access.received, access.sent, span / kMillisecond, span % kMillisecond / 1000);
  if (access.function != nullptr && !access.function->function.empty()) {
    append_text("environment", access.function->environment, out);
    append_text("app", access.function->app, out);
    append_text("function", access.function->function, out);
    out.append(access.cold ? ",\"cold\":true" : ",\"cold\":false");
  }
  if (!access.error.empty()) append_text("error", access.error, out);
  out.push_back('}');
}

}  // namespace bimodal::gateway

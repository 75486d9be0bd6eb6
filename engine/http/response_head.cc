#include "http/response_head.h"

#include <charconv>

#include "http/response_fields.h"

namespace bimodal::http {
namespace {

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  auto [end, failure] = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_status_line(std::string& out, int status) {
  // HTTP/1.1 also to a 1.0 client: RFC 9110 §2.5.
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(status));
  out.append(" ").append(reason_phrase(status)).append("\r\n");
}

void append_framing(
    const Framing& framing, const ResponseHead& head, const ResponseContext& context, const SaidFields& said,
    std::string& out) {
  if (framing.kind == Framing::Kind::Chunked) out.append("transfer-encoding: chunked\r\n");
  if (const auto length = length_to_write(framing, head, said)) {
    out.append("content-length: ");
    append_number(out, *length);
    out.append("\r\n");
  }
  if (!framing.keep_alive) out.append("connection: close\r\n");
  if (framing.keep_alive && context.minor_version == 0) out.append("connection: keep-alive\r\n");
}

}  // namespace

std::optional<Framing> write_response_head(const ResponseHead& head, const ResponseContext& context, std::string& out) {
  if (head.status < 200 || head.status > 599) return std::nullopt;
  const std::size_t before = out.size();
  append_status_line(out, head.status);
  SaidFields said;
  for (const Field& field : head.fields) {
    FieldUse use = examine_field(field, said);
    if (use == FieldUse::Refuse) {
      out.resize(before);
      return std::nullopt;
    }
    if (use == FieldUse::Write) append_field(out, field.name, field.value);
  }
  for (const Field& field : head.extra) append_field(out, field.name, field.value);
  if (!said.date) append_field(out, "date", context.date);
  Framing framing = choose_framing(head, context, said);
  append_framing(framing, head, context, said, out);
  out.append("\r\n");
  return framing;
}

bool write_switching_head(
    std::string_view protocol, std::span<const Field> fields, std::span<const Field> extra, std::string_view date,
    std::string& out) {
  const std::size_t before = out.size();
  append_status_line(out, 101);
  append_field(out, "upgrade", protocol);
  append_field(out, "connection", "Upgrade");
  SaidFields said;
  for (const Field& field : fields) {
    const FieldUse use = examine_field(field, said);
    if (use == FieldUse::Refuse) {
      out.resize(before);
      return false;
    }
    if (use == FieldUse::Write) append_field(out, field.name, field.value);
  }
  for (const Field& field : extra) append_field(out, field.name, field.value);
  if (!said.date) append_field(out, "date", date);
  out.append("\r\n");
  return true;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 203:
      return "Non-Authoritative Information";
    case 204:
      return "No Content";
    case 205:
      return "Reset Content";
    case 206:
      return "Partial Content";
    case 207:
      return "Multi-Status";
    case 300:
      return "Multiple Choices";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 418:
      return "I'm a Teapot";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 424:
      return "Failed Dependency";
    case 425:
      return "Too Early";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 451:
      return "Unavailable For Legal Reasons";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    case 511:
      return "Network Authentication Required";
    default:
      return "";
  }
}

}  // namespace bimodal::http

#include "control/web_arguments.h"

#include <string_view>

#include "control/utf8.h"

namespace bimodal::control {
namespace {

// Writes the few opcodes of pickle that the scope needs.
class Pickle {
 public:
  Pickle() { out_ = "\x80\x04"; }

  void text(std::string_view utf8) { sized('\x8c', 'X', utf8); }
  void bytes(std::string_view value) { sized('C', 'B', value); }
  void number(std::uint32_t value) {
    out_ += 'J';
    little_endian(value);
  }
  void none() { out_ += 'N'; }

  void begin_dict() { out_ += "}("; }
  void end_dict() { out_ += 'u'; }
  void begin_list() { out_ += "]("; }
  void end_list() { out_ += 'e'; }
  void empty_dict() { out_ += '}'; }
  void tuple_of_one() { out_ += '\x85'; }  // of the last value
  void tuple_of_two() { out_ += '\x86'; }

  std::string finish() {
    out_ += '.';
    return std::move(out_);
  }

 private:
  void sized(char short_opcode, char long_opcode, std::string_view value) {
    if (value.size() < 256) {
      out_ += short_opcode;
      out_ += static_cast<char>(value.size());
    } else {
      out_ += long_opcode;
      little_endian(static_cast<std::uint32_t>(value.size()));
    }
    out_ += value;
  }
  void little_endian(std::uint32_t value) {
    for (int i = 0; i < 4; ++i) out_ += static_cast<char>(value >> (8 * i));
  }

  std::string out_;
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Percent-decoded; an escape that is none stays as it is.
std::string decoded_path(std::string_view raw) {
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool escape = raw[i] == '%' && i + 2 < raw.size() && hex_digit(raw[i + 1]) >= 0 && hex_digit(raw[i + 2]) >= 0;
    out += escape ? static_cast<char>(hex_digit(raw[i + 1]) * 16 + hex_digit(raw[i + 2])) : raw[i];
    if (escape) i += 2;
  }
  return valid_utf8(std::move(out));
}

std::string_view version_name(std::uint8_t version) {
  if (version == 20) return "2";
  return version == 10 ? "1.0" : "1.1";
}

void put_address(Pickle& pickle, std::string_view host, std::uint16_t port) {
  if (host.empty()) return pickle.none();
  pickle.text(host);
  pickle.number(port);
  pickle.tuple_of_two();
}

void put_headers(Pickle& pickle, const wire::Headers& headers) {
  pickle.begin_list();
  for (const wire::Header& header : headers) {
    pickle.bytes(header.name);
    pickle.bytes(header.value);
    pickle.tuple_of_two();
  }
  pickle.end_list();
}

void put_asgi_version(Pickle& pickle) {
  pickle.begin_dict();
  pickle.text("version");
  pickle.text("3.0");
  pickle.text("spec_version");
  pickle.text("2.3");
  pickle.end_dict();
}

// Nothing for a WebSocket: the client has no message for an application that refuses it with a response of its own.
void put_extensions(Pickle& pickle, wire::RequestKind kind) {
  if (kind == wire::RequestKind::WebSocket) return pickle.empty_dict();
  pickle.begin_dict();
  pickle.text("http.response.trailers");
  pickle.empty_dict();
  pickle.end_dict();
}

void put_subprotocols(Pickle& pickle, const wire::Headers& headers) {
  pickle.begin_list();
  for (std::string_view name : wire::offered_subprotocols(headers)) pickle.text(valid_utf8(std::string(name)));
  pickle.end_list();
}

std::string_view scheme_of(const wire::RequestHead& head) {
  if (head.kind == wire::RequestKind::WebSocket) return head.https ? "wss" : "ws";
  return head.https ? "https" : "http";
}

void put_texts(Pickle& pickle, const wire::RequestHead& head) {
  const std::pair<std::string_view, std::string> texts[] = {
      {"type", head.kind == wire::RequestKind::WebSocket ? "websocket" : "http"},
      {"http_version", std::string(version_name(head.http_version))},
      {"scheme", std::string(scheme_of(head))},
      {"path", decoded_path(head.raw_path)},
      {"root_path", ""},
  };
  for (const auto& [name, value] : texts) {
    pickle.text(name);
    pickle.text(value);
  }
}

}  // namespace

std::string web_arguments(const wire::RequestHead& head) {
  Pickle pickle;
  pickle.begin_dict();
  put_texts(pickle, head);
  if (head.kind == wire::RequestKind::WebSocket) {
    pickle.text("subprotocols");
    put_subprotocols(pickle, head.headers);
  } else {
    pickle.text("method");
    pickle.text(valid_utf8(std::string(head.method)));
  }
  pickle.text("asgi");
  put_asgi_version(pickle);
  pickle.text("raw_path");
  pickle.bytes(head.raw_path);
  pickle.text("query_string");
  pickle.bytes(head.query);
  pickle.text("headers");
  put_headers(pickle, head.headers);
  pickle.text("client");
  put_address(pickle, head.client_host, head.client_port);
  pickle.text("server");
  put_address(pickle, head.server_host, head.server_port);
  pickle.text("extensions");
  put_extensions(pickle, head.kind);
  pickle.end_dict();
  pickle.tuple_of_one();
  pickle.empty_dict();
  pickle.tuple_of_two();
  return pickle.finish();
}

}  // namespace bimodal::control

#include <algorithm>
#include <charconv>

#include "protocol.h"

namespace load {
namespace {

constexpr auto kNone = std::string_view::npos;

bool same_name(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) { return (x | 0x20) == y; });
}

struct Head {
  std::size_t bytes = 0;  // with its empty line
  std::size_t length = 0;
  bool chunked = false;
};

std::size_t number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto found = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (found.ec != std::errc()) throw Void("not a number: " + std::string(text.substr(0, 20)));
  return value;
}

// nullopt while the head isn't whole.
std::optional<Head> parse_head(std::string_view in) {
  const std::size_t end = in.find("\r\n\r\n");
  if (end == kNone) return std::nullopt;
  if (in.substr(0, 10) != "HTTP/1.1 2")
    throw Void("answered " + std::string(in.substr(0, std::min<std::size_t>(end, 300))));
  Head head{.bytes = end + 4};
  for (std::size_t at = in.find("\r\n") + 2; at < end + 2;) {
    const std::size_t line_end = in.find("\r\n", at);
    const std::string_view line = in.substr(at, line_end - at);
    const std::size_t colon = line.find(':');
    std::string_view value = colon == kNone ? "" : line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    const std::string_view name = line.substr(0, colon);
    if (same_name(name, "content-length")) head.length = number(value, 10);
    if (same_name(name, "transfer-encoding")) head.chunked = true;
    if (same_name(name, "connection") && same_name(value, "close")) throw Void("the server closes connections");
    at = line_end + 2;
  }
  return head;
}

class Http : public Protocol {
 public:
  explicit Http(HttpOptions options) : expected_(std::move(options.expected)) {
    question_ = options.method + " " + options.path + " HTTP/1.1\r\nHost: " + options.host + "\r\n";
    for (const std::string& header : options.headers) question_ += header + "\r\n";
    if (!options.body.empty()) question_ += "Content-Length: " + std::to_string(options.body.size()) + "\r\n";
    question_ += "\r\n" + options.body;
  }

  const std::string& question() const override { return question_; }

  std::size_t answer(std::string_view in) override {
    const auto head = parse_head(in);
    if (!head) return 0;
    const std::string_view rest = in.substr(head->bytes);
    if (head->chunked) return chunked(head->bytes, rest);
    if (rest.size() < head->length) return 0;
    verify(rest.substr(0, head->length));
    return head->bytes + head->length;
  }

 private:
  std::size_t chunked(std::size_t head, std::string_view rest) {
    body_.clear();
    for (std::size_t at = 0;;) {
      const std::size_t line_end = rest.find("\r\n", at);
      if (line_end == kNone) return 0;
      const std::size_t size = number(rest.substr(at, line_end - at), 16);
      if (rest.size() < line_end + 2 + size + 2) return 0;
      body_ += rest.substr(line_end + 2, size);
      at = line_end + 2 + size + 2;
      if (size > 0) continue;
      verify(body_);
      return head + at;
    }
  }

  void verify(std::string_view body) {
    if (!expected_) expected_ = body;
    if (body != *expected_) throw Void("another body: " + std::string(body.substr(0, 200)));
  }

  std::string question_, body_;
  std::optional<std::string> expected_;
};

}  // namespace

std::unique_ptr<Protocol> http(HttpOptions options) {
  return std::make_unique<Http>(std::move(options));
}

}  // namespace load

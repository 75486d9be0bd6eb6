#include "script.h"

#include <array>

namespace bimodal::benchmarks {
namespace {

constexpr std::array kPaths{kSmall, kSmall, kEcho, kSmall, kLarge, kSmall, kSmall, kEcho, kSmall, kStream};

constexpr std::string_view kBrowser =
    "Host: app.localhost:8080\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Cache-Control: no-cache\r\n"
    "Pragma: no-cache\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "Referer: http://app.localhost:8080/\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: same-origin\r\n";

constexpr std::string_view kChunked = "3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n";

std::string_view path_of(std::size_t number) {
  return kPaths[number % kPaths.size()];
}

}  // namespace

std::string request_text(std::size_t number) {
  const std::string_view path = path_of(number);
  const bool has_body = path == kEcho;
  std::string text = has_body ? "POST " : "GET ";
  text.append(path).append("?page=").append(std::to_string(number % 7)).append(" HTTP/1.1\r\n").append(kBrowser);
  if (has_body) text.append("Content-Type: application/json\r\nContent-Length: 10240\r\n");
  text.append("\r\n");
  if (has_body) text.append(kBodySize, 'a');
  return text;
}

std::size_t answer_size(std::size_t number) {
  const std::string_view path = path_of(number);
  if (path == kSmall) return 13;
  return path == kStream ? kChunked.size() : kBodySize;
}

}  // namespace bimodal::benchmarks

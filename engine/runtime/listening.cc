#include "runtime/listening.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "runtime/in_words.h"

namespace bimodal::runtime {

namespace {

constexpr std::string_view kListening = "0A";  // the state of a socket in /proc/net/tcp (proc(5))
constexpr std::size_t kMaxTable = 1 << 20;     // bytes that are read of each
constexpr std::size_t kMaxAddresses = 4;       // that are named
constexpr std::size_t kWordDigits = 8;         // an address is written as native words in hex

std::string start_of(const std::string& path) {
  std::string text(kMaxTable, '\0');
  std::ifstream file(path);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

std::optional<std::uint32_t> hex(std::string_view digits) {
  std::uint32_t value = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (failure != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// "0100007F" → "127.0.0.1", 32 digits → "[::1]"; empty when it is neither.
std::string readable(std::string_view digits) {
  std::uint32_t words[4] = {};
  if (digits.size() != kWordDigits && digits.size() != 4 * kWordDigits) return "";
  for (std::size_t at = 0; at < digits.size(); at += kWordDigits) {
    const auto word = hex(digits.substr(at, kWordDigits));
    if (!word) return "";
    words[at / kWordDigits] = *word;
  }
  char text[INET6_ADDRSTRLEN] = "";
  const bool is_v4 = digits.size() == kWordDigits;
  ::inet_ntop(is_v4 ? AF_INET : AF_INET6, words, text, sizeof text);
  return is_v4 ? text : fmt::format("[{}]", text);
}

std::set<std::string> listening_addresses(const std::string& sockets, std::uint16_t port) {
  std::set<std::string> out;
  std::istringstream lines(sockets);
  for (std::string line; std::getline(lines, line) && out.size() < kMaxAddresses;) {
    std::istringstream words(line);
    std::string number, local, remote, state;
    if (!(words >> number >> local >> remote >> state) || state != kListening) continue;
    const std::size_t colon = local.find(':');
    if (colon == local.npos || hex(std::string_view(local).substr(colon + 1)) != port) continue;
    const std::string address = readable(std::string_view(local).substr(0, colon));
    if (!address.empty()) out.insert(fmt::format("{}:{}", address, port));
  }
  return out;
}

}  // namespace

std::string why_unreachable(int pid, std::uint16_t port, std::chrono::milliseconds patience) {
  const std::string net = fmt::format("/proc/{}/net/", pid);
  return why_unreachable(start_of(net + "tcp") + start_of(net + "tcp6"), port, patience);
}

std::string why_unreachable(const std::string& sockets, std::uint16_t port, std::chrono::milliseconds patience) {
  const auto elsewhere = listening_addresses(sockets, port);
  if (!elsewhere.empty()) {
    return fmt::format(
        "the server listens on {} only, where nobody outside reaches it: bind it to 0.0.0.0",
        fmt::join(elsewhere, ", "));
  }
  return fmt::format(
      "nothing listens on port {} after {}: check that the server starts and uses this port, or raise startup_timeout= "
      "of @app.server",
      port, in_words(patience));
}

}  // namespace bimodal::runtime

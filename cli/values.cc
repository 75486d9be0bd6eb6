#include "cli/values.h"

#include <charconv>
#include <limits>
#include <map>

namespace bimodal::cli {
namespace {

struct Quantity {
  std::uint64_t number = 0;
  std::string unit;
};

// "64 KiB" -> 64 and "KiB".
Result<Quantity> split_quantity(const std::string& text, const char* example) {
  Quantity found;
  const char* end = text.data() + text.size();
  auto [rest, failure] = std::from_chars(text.data(), end, found.number);
  if (failure != std::errc()) {
    return error(Code::InvalidArgument, "'{}' isn't a number with a unit such as {}", text, example);
  }
  while (rest != end && *rest == ' ') ++rest;
  found.unit.assign(rest, end);
  return found;
}

Result<std::uint64_t> scale(
    const std::string& text, const char* example, const std::map<std::string, std::uint64_t>& units,
    std::uint64_t highest) {
  TRY(Quantity quantity, split_quantity(text, example));
  auto unit = units.find(quantity.unit);
  if (unit == units.end()) {
    return error(Code::InvalidArgument, "'{}' has the unknown unit '{}'; write it as {}", text, quantity.unit, example);
  }
  if (quantity.number > highest / unit->second) return error(Code::InvalidArgument, "'{}' is too large", text);
  return quantity.number * unit->second;
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(const std::string& text) {
  static const std::map<std::string, std::uint64_t> kUnits = {{"ms", 1},     {"", 1000},       {"s", 1000},
                                                              {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  constexpr std::uint64_t kTenYears = 10ull * 366 * 24 * 3'600'000;
  TRY(std::uint64_t milliseconds, scale(text, "250ms, 30s, 5m, 2h or 7d", kUnits, kTenYears));
  return std::chrono::milliseconds(milliseconds);
}

Result<std::uint64_t> parse_size(const std::string& text) {
  static const std::map<std::string, std::uint64_t> kUnits = {
      {"", 1},
      {"B", 1},
      {"KiB", std::uint64_t{1} << 10},
      {"MiB", std::uint64_t{1} << 20},
      {"GiB", std::uint64_t{1} << 30},
      {"TiB", std::uint64_t{1} << 40}};
  return scale(text, "64KiB, 10MiB or 4GiB", kUnits, std::numeric_limits<std::int64_t>::max());
}

Result<int> parse_count(const std::string& text, int lowest, int highest) {
  int number = 0;
  const char* end = text.data() + text.size();
  auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc() || rest != end || number < lowest || number > highest) {
    return error(Code::InvalidArgument, "'{}' isn't a whole number from {} to {}", text, lowest, highest);
  }
  return number;
}

Result<bool> parse_bool(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return error(Code::InvalidArgument, "'{}' is neither true nor false", text);
}

Result<std::string> parse_address(const std::string& text) {
  std::size_t colon = text.rfind(':');
  bool whole = colon != std::string::npos && colon > 0 && parse_count(text.substr(colon + 1), 0, 65535).has_value();
  if (!whole) return error(Code::InvalidArgument, "'{}' isn't HOST:PORT, such as 127.0.0.1:8080", text);
  return text;
}

}  // namespace bimodal::cli

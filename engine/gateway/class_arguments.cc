#include "gateway/class_arguments.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "http/chars.h"

namespace bimodal::gateway {
namespace {

using model::ClassParameter;
using model::ParameterType;
using model::ParameterValue;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// application/x-www-form-urlencoded (https://url.spec.whatwg.org/#urlencoded-parsing); an escape that is none stays.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
    if (escape) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

// How many bytes the UTF-8 sequence at the front of `text` has (RFC 3629); 0 when there is none.
std::size_t sequence_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool beyond = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
  return overlong || beyond ? 0 : size;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = sequence_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::optional<ParameterValue> integer(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ParameterValue> boolean(const std::string& text) {
  if (text == "1" || http::equals_ignoring_case(text, "true")) return true;
  if (text == "0" || http::equals_ignoring_case(text, "false")) return false;
  return std::nullopt;
}

std::string_view name_of(ParameterType type) {
  switch (type) {
    case ParameterType::Integer:
      return "int (of 64 bits)";
    case ParameterType::Boolean:
      return "bool (true or false)";
    default:
      return "str (UTF-8)";
  }
}

Result<ParameterValue> parse(const ClassParameter& parameter, std::string text) {
  std::optional<ParameterValue> value;
  if (parameter.type == ParameterType::Integer) {
    value = integer(text);
  } else if (parameter.type == ParameterType::Boolean) {
    value = boolean(text);
  } else if (parameter.type == ParameterType::Bytes || is_utf8(text)) {
    value = std::move(text);
  }
  if (value) return *std::move(value);
  return error(
      Code::InvalidArgument, "class parameter '{}' must be of type {}", parameter.name, name_of(parameter.type));
}

Result<model::ClassArguments> with_defaults(
    const std::vector<ClassParameter>& parameters, model::ClassArguments arguments) {
  for (const ClassParameter& parameter : parameters) {
    if (arguments.contains(parameter.name)) continue;
    if (!parameter.default_value) {
      return error(
          Code::InvalidArgument, "class parameter '{}' is missing; give it in the query string of the URL",
          parameter.name);
    }
    arguments.emplace(parameter.name, *parameter.default_value);
  }
  return arguments;
}

}  // namespace

Result<model::ClassArguments> class_arguments(const std::vector<ClassParameter>& parameters, std::string_view query) {
  model::ClassArguments arguments;
  std::size_t total = 0;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string name = decoded(pair.substr(0, equals));
    auto parameter = std::find_if(
        parameters.begin(), parameters.end(), [&](const ClassParameter& each) { return each.name == name; });
    if (parameter == parameters.end()) continue;
    std::string text = decoded(pair.substr(std::min(equals + 1, pair.size())));
    total += name.size() + text.size();
    if (total > kMaxArguments) {
      return error(Code::InvalidArgument, "the class parameters are longer than {} bytes", kMaxArguments);
    }
    TRY(ParameterValue value, parse(*parameter, std::move(text)));
    if (!arguments.emplace(name, std::move(value)).second) {
      return error(Code::InvalidArgument, "class parameter '{}' is given twice", name);
    }
  }
  return with_defaults(parameters, std::move(arguments));
}

}  // namespace bimodal::gateway

#include "cli/config_file.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace bimodal::cli {
namespace {

// As a flag has it: parted by commas.
Result<std::string> text_of_list(const toml::array& list) {
  std::string out;
  for (const toml::node& one : list) {
    auto text = one.as_string();
    if (text == nullptr) return error(Code::InvalidArgument, "must be a list of texts");
    out += (out.empty() ? "" : ",") + text->get();
  }
  return out;
}

Result<std::string> text_of(const toml::node& value) {
  if (auto text = value.as_string()) return text->get();
  if (auto number = value.as_integer()) return std::to_string(number->get());
  if (auto flag = value.as_boolean()) return std::string(flag->get() ? "true" : "false");
  if (auto list = value.as_array()) return text_of_list(*list);
  return error(Code::InvalidArgument, "must be text, a whole number, true or false, or a list of texts");
}

}  // namespace

Result<std::vector<ConfigEntry>> read_config_file(const std::filesystem::path& file) {
  if (std::error_code ignored; !std::filesystem::is_regular_file(file, ignored)) {
    return error(Code::NotFound, "there is no configuration file {}", file.string());
  }
  toml::parse_result parsed = toml::parse_file(file.string());
  if (!parsed) {
    const toml::parse_error& why = parsed.error();
    return error(Code::InvalidArgument, "{}:{}: {}", file.string(), why.source().begin.line, why.description());
  }
  std::vector<ConfigEntry> entries;
  for (const auto& [section, content] : parsed.table()) {
    unsigned line = content.source().begin.line;
    const toml::table* table = content.as_table();
    if (table == nullptr) {
      return error(
          Code::InvalidArgument, "{}:{}: {} stands outside of any section such as [server]", file.string(), line,
          section.str());
    }
    for (const auto& [name, value] : *table) {
      line = value.source().begin.line;
      Result<std::string> text = text_of(value);
      if (!text) {
        return error(
            Code::InvalidArgument, "{}:{}: {}.{} {}", file.string(), line, section.str(), name.str(),
            text.error().message);
      }
      ConfigEntry entry{std::string(section.str()), std::string(name.str()), *std::move(text), line};
      entries.push_back(std::move(entry));
    }
  }
  return entries;
}

}  // namespace bimodal::cli

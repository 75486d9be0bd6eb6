// Reads the TOML configuration file into flat entries; knows nothing of what they mean.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace bimodal::cli {

struct ConfigEntry {
  std::string section;
  std::string name;
  std::string text;  // strings as they are, numbers and booleans as written in TOML
  unsigned line = 0;
};

// InvalidArgument names file and line for what isn't TOML, isn't in a section, or is neither text, number nor boolean.
Result<std::vector<ConfigEntry>> read_config_file(const std::filesystem::path& file);

}  // namespace bimodal::cli

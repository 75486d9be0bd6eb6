// Other programs: found, asked, and become.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace bimodal::cli {

// The file that a shell would run for `program`; nothing when PATH has none.
std::optional<std::filesystem::path> find_on_path(const std::string& program);

// The standard output of a command that ends with 0, without its last newline. Its errors are dropped. Waits for it.
Result<std::string> capture(std::vector<std::string> command);

// Replaces this process by the command: same terminal, same descriptors. Comes back only with what failed.
Error become(std::vector<std::string> command);

}  // namespace bimodal::cli

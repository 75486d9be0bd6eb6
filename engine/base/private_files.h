// Files with secrets: mode 0600, whole or not there. Blocking, any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bimodal {

// A reader sees the old content or the new one, after a crash too. Makes the directory, with mode 0700.
Result<void> write_private(const std::filesystem::path& file, std::string_view content);
// NotFound when there is none.
Result<std::string> read_file(const std::filesystem::path& file);

}  // namespace bimodal

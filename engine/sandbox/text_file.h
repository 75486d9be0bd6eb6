// Small text files, as /proc, /sys and cgroups offer them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bimodal::sandbox {

// The whole file; empty when it can't be read.
std::string text_of(const std::filesystem::path& path);

// Writes `text` in one call into a file that exists. The error names the file.
Result<void> write_text(const std::filesystem::path& path, std::string_view text);

}  // namespace bimodal::sandbox

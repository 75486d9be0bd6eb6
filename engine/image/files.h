// Small file operations that never throw. Thread-safe; they block on the disk.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bimodal::image {

// The content of a regular file of at most `max_bytes`; nothing for everything else.
std::optional<std::string> read_file(const std::filesystem::path& path, std::uintmax_t max_bytes);

// Makes or replaces a file, its directory made when missing, and sets its permission bits.
Result<void> write_file(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);

// What is in a directory, sorted; empty when it can't be read.
std::vector<std::filesystem::path> list_directory(const std::filesystem::path& directory);

// Removes a tree whatever the permission bits in it. What can't be removed is logged.
void remove_tree(const std::filesystem::path& path);

}  // namespace bimodal::image

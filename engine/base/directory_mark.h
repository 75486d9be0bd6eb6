// Tells processes of ours that share a directory which of its entries are in use, by record locks (fcntl(2)). A mark
// goes with its process, also when that closes any other descriptor of the marked directory.
//
// Thread-safe; blocks on the file system.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal {

// Opens `directory` and marks it for as long as the descriptor is open.
Result<UniqueFd> mark_directory(const std::filesystem::path& directory);

// Removes every entry of `parent` that no other process has marked. What can't be removed is logged and stays.
void remove_unmarked(const std::filesystem::path& parent);

}  // namespace bimodal

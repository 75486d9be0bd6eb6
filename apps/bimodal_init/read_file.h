// Small files, read whole.
#pragma once

#include <string>

namespace bimodal::init {

// The first `limit` bytes of the file; empty when it can't be read.
std::string read_file(const char* path, std::size_t limit);
std::string read_file(int fd, std::size_t limit);

}  // namespace bimodal::init

// Paths inside volumes, as clients write them and as the database keeps them. Pure functions.
#pragma once

#include <string>

#include "base/result.h"

namespace bimodal::control {

// "a/b" for "/a//b/", "" for the root. InvalidArgument for what has "..", a NUL, or is longer than files may be named.
Result<std::string> volume_path(const std::string& text);

// The same, and InvalidArgument for the root: a file's path.
Result<std::string> volume_file_path(const std::string& text);

// `name` in `directory`, both normal.
std::string joined_path(const std::string& directory, const std::string& name);

// The last part of a normal path.
std::string name_in(const std::string& path);

}  // namespace bimodal::control

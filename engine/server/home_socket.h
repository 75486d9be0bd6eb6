// Unix sockets in the home directory, which only its owner may open. Every function may block on the file system.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::server {

// Connects a blocking socket of that type to <home>/<name>. NotFound when no daemon listens there.
Result<UniqueFd> connect_in(const std::filesystem::path& home, const std::string& name, int type);

// Listens at <home>/<name>, in the place of a socket that another daemon left.
Result<UniqueFd> listen_in(const std::filesystem::path& home, const std::string& name, int type);

}  // namespace bimodal::server

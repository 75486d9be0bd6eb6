// What the home's owner tells the daemon to do: over the Unix socket <home>/command.sock, which only he may open. One
// message there, {"say": <command>, …}, one back: {"say": "done", …} or {"say": "failed", "code", "message"}.
//
//   token new     {"name", "lifetime"}  the token of control::ApiTokens: {"token_id", "secret", …}
//   token list    {"tokens": […]} in the body
//   token revoke  {"token_id"}
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "async/scope.h"
#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::server {

// What each command does, by its name. Its answer is a JSON object.
using Command = std::function<Task<Result<nlohmann::json>>(nlohmann::json)>;
using Commands = std::map<std::string, Command>;

// Takes the place of a socket that a killed daemon left.
Result<UniqueFd> listen_for_commands(const std::filesystem::path& home);

// Runs what comes, at most kMostCommands at a time, until `scope` closes. `commands` must outlive it.
inline constexpr std::size_t kMostCommands = 16;
Task<void> serve_commands(UniqueFd listener, const Commands& commands, Scope& scope);

// Has the daemon of that home do it, from another process. Blocks for at most 30 s. NotFound when no daemon answers.
Result<nlohmann::json> give_command(
    const std::filesystem::path& home, const std::string& command, nlohmann::json details);

}  // namespace bimodal::server

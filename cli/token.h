// `bimodal token new`, `list` and `revoke`: the tokens with which clients, of this host or others, use the API. The
// client's own `token` commands are passed on to it. Each blocks for at most half a minute, prints, and gives the exit
// status.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"
#include "cli/settings.h"

namespace bimodal::cli {

enum class TokenFormat { Text, Json };

// Whether `bimodal token <word>` is one of ours.
bool is_token_command(const std::string& word);

// `lifetime` 0: it doesn't expire. Prints the secret, which nobody can be told again.
Result<int> new_token(
    const Settings& settings, const std::string& name, std::chrono::milliseconds lifetime, TokenFormat format);
Result<int> list_tokens(const Settings& settings, TokenFormat format);
Result<int> revoke_token(const Settings& settings, const std::string& token_id);

}  // namespace bimodal::cli

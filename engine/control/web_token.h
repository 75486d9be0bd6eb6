// The JWT that JavaScript and Go clients fetch before anything else (protocol §1.4), and the command router's (§10.11).
// Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bimodal::control {

// HS256 over {"sub": subject, "iat": issued_at, "exp": expires_at}; times in Unix seconds.
std::string web_token(std::string_view key, std::string_view subject, std::int64_t issued_at, std::int64_t expires_at);

// The subject of a token that was made with `key` and hasn't expired; nothing of any other.
std::optional<std::string> web_token_subject(std::string_view key, std::string_view token, std::int64_t now);

}  // namespace bimodal::control

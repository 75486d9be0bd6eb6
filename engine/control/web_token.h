// The JWT that JavaScript and Go clients fetch before anything else (protocol §1.4). Pure function.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bimodal::control {

// HS256 over {"sub": subject, "iat": issued_at, "exp": expires_at}; times in Unix seconds.
std::string web_token(std::string_view key, std::string_view subject, std::int64_t issued_at, std::int64_t expires_at);

}  // namespace bimodal::control

// Bytes as ACME writes them (RFC 8555 §6.1: base64url without padding), and SHA-256. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace bimodal::acme {

std::string base64url(std::string_view bytes);
// InvalidArgument for anything that isn't unpadded base64url.
Result<std::string> from_base64url(std::string_view text);
std::string sha256(std::string_view bytes);                             // 32 bytes
std::string hmac_sha256(std::string_view key, std::string_view bytes);  // 32 bytes

}  // namespace bimodal::acme

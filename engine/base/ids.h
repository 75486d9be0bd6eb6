// Object ids as the client expects them: "<prefix>-" + base62. Random (128 bits of getrandom), never guessable.
// Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace bimodal {

// `prefix` + "-" + 22 characters of [A-Za-z0-9]: "ap", "fu", "cs", "im", "de", "fc", "in", "mo", "st", "en", …
std::string new_id(std::string_view prefix);

// "ta-" + 26 characters of [0-9A-Z] that don't end in V (the client reads a V as another kind of task).
std::string new_task_id();

// `count` random characters of [A-Za-z0-9], from getrandom(2). For tokens and secrets.
std::string random_text(std::size_t count);

// "<prefix>-" + 22 base62 characters that depend only on `content`: for content-addressed objects (images, mounts).
std::string content_id(std::string_view prefix, std::string_view content);

// SHA-256 of `data` as 64 lower-case hex digits.
std::string sha256_hex(std::string_view data);

}  // namespace bimodal

// The daemon's own log: one line per event on stderr or in a file. Thread-safe.
//
// Never pass a secret, a token or a request body here.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string_view>
#include <utility>

namespace bimodal::log {

enum class Level { Debug, Info, Warning, Error };

// Sends everything to stderr (an empty path) or to `file`, which rotates at 16 MiB and keeps 4 old ones.
// Call once, before any thread starts.
void open(Level threshold, const std::filesystem::path& file);

void write(Level level, std::string_view line);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Debug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Warning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::Error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace bimodal::log

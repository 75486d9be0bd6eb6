// Bimodal's own commands. Each does its work, prints, and gives the exit status; failures come as one line.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/daemon.h"
#include "cli/settings.h"

namespace bimodal::cli {

enum class UpMode { Background, Foreground };
enum class StatusFormat { Text, Json };
enum class Follow { No, Yes };

Result<int> up(const Settings& settings, const Flags& flags, UpMode mode, OverRunning over);
Result<int> down(const Settings& settings, std::chrono::seconds patience);
Result<int> status(const Settings& settings, StatusFormat format);
Result<int> doctor(const Settings& settings);
Result<int> env(const Settings& settings);
Result<int> list_domains(const Settings& settings, StatusFormat format);
// `resolver` as in dns.h; empty: the system's.
Result<int> check_domain(const Settings& settings, const std::string& name, const std::string& resolver);
// An app's logs through the official client, the daemon's own without `app`. Comes back only with what failed.
Result<int> logs(const Settings& settings, const Flags& flags, const std::optional<std::string>& app, Follow follow);

}  // namespace bimodal::cli

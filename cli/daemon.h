// Starts, finds and stops the daemon of a home directory, from another process.
//
// Every function blocks, with the bound that it states. Not thread-safe: for a command's only thread.
#pragma once

#include <chrono>

#include "base/result.h"
#include "cli/settings.h"
#include "server/state_files.h"

namespace bimodal::cli {

// How long a daemon may take from its start until it answers.
inline constexpr std::chrono::seconds kStartTimeout{60};
// The same of one that takes over from another, which may let plain inputs end first.
inline constexpr std::chrono::seconds kReplaceTimeout{240};

enum class OverRunning { Refuse, Replace };  // what to do about a daemon that runs already

// Starts `bimodal up --foreground` in a session of its own and waits until it answers, at most kStartTimeout.
// Fails with the daemon's own one-line cause; AlreadyExists when one runs already.
Result<server::DaemonInfo> start_daemon(
    const Settings& settings, const Flags& flags, OverRunning over = OverRunning::Refuse);

// The running daemon; starts one when there is none. Waits, at most kStartTimeout, for one that is starting or
// stopping.
Result<server::DaemonInfo> ensure_daemon(const Settings& settings, const Flags& flags);

// Asks the daemon to drain and stop, and waits until its process is gone. NotFound when there is none;
// DeadlineExceeded when it still drains after `patience`.
Result<void> stop_daemon(const std::filesystem::path& home, std::chrono::seconds patience);

std::string api_url(const server::DaemonInfo& info);  // "http://127.0.0.1:6420"
std::string web_url(const server::DaemonInfo& info);
std::string https_url(const server::DaemonInfo& info);  // empty: there is none
std::string admin_url(const server::DaemonInfo& info);  // empty: there is none
void print_addresses(const server::DaemonInfo& info);

// Runs the daemon in this process until it is told to stop. A background parent, if any (see start_daemon), hears
// when it is ready or why it failed.
Result<void> run_daemon(Settings settings, OverRunning over);

}  // namespace bimodal::cli

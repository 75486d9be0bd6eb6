// The small files in the home directory by which a command finds the daemon: its lock, its addresses, its token.
//
//   <home>/daemon.lock      a POSIX record lock held for the daemon's whole life; the kernel drops it with the process
//   <home>/draining-<g>.lock  the same, held by one that another daemon has taken over from, while it still runs
//   <home>/daemon.json      pid and bound addresses; there exactly while the daemon answers
//   <home>/keys/token.json  the client's token id and secret, mode 0600, made at first start
//
// Every function blocks on the file system. Thread-safe, but for HomeLock.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::server {

// The product's version, e.g. "0.1.0".
std::string_view version();

// Owners of files, and overlay's marks in layers, depend on who made them. PermissionDenied, naming `flag` as the
// remedy, when the directory exists and is another user's.
Result<void> refuse_foreign(const std::filesystem::path& directory, std::string_view flag);

// Makes `home` when missing, and closes it to other users (mode 0700). PermissionDenied when it is another user's.
Result<void> make_home(const std::filesystem::path& home);

// A record lock on a file. It goes with the process, and when the process closes any other descriptor of the file.
class RecordLock {
 public:
  // AlreadyExists, with the pid in the message, when another process has it.
  static Result<RecordLock> acquire(const std::filesystem::path& file);

 private:
  explicit RecordLock(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

// Says that this process is the daemon of a home. A record lock and not flock(2): a forked launcher doesn't share it,
// so that it never outlives a killed daemon. It does go when this process closes any other descriptor of the file;
// hence the daemon must not call lock_holder() on its own home.
class HomeLock {
 public:
  // AlreadyExists, with the pid, when a daemon has that home.
  static Result<HomeLock> acquire(const std::filesystem::path& home);

 private:
  explicit HomeLock(RecordLock lock) : lock_(std::move(lock)) {}
  RecordLock lock_;
};

// Says that this process, of that generation (sandbox/generation.h), only ends what still runs.
Result<RecordLock> mark_draining(const std::filesystem::path& home, int generation);
// The generations of which other processes say so.
std::vector<int> draining_generations(const std::filesystem::path& home);

// The pid of the daemon that has `home`, ready or not; nothing when there is none.
std::optional<int> lock_holder(const std::filesystem::path& home);

struct DaemonInfo {
  int pid = 0;
  std::string version;
  std::string api;  // "127.0.0.1:6420", as bound
  std::string web;  // "127.0.0.1:8080", as bound
  std::string base_domain;
  double started_at = 0;            // Unix seconds
  std::string admin = "";           // "127.0.0.1:6421", as bound; empty: none
  std::string https = "";           // "127.0.0.1:8443", as bound; empty: none
  std::string authority_file = "";  // of the development CA, which programs must trust; empty: none
};

// Written whole, once everything answers; removed first thing when the daemon begins to stop.
Result<void> write_daemon_info(const std::filesystem::path& home, const DaemonInfo& info);
void remove_daemon_info(const std::filesystem::path& home);
// NotFound when no daemon of that home answers (a file that a killed daemon left doesn't count).
Result<DaemonInfo> read_daemon_info(const std::filesystem::path& home);

struct Token {
  std::string id;      // ak-…
  std::string secret;  // as-…
};

// Makes the token at the first call.
Result<Token> load_or_create_token(const std::filesystem::path& home);
// NotFound when no daemon has started on this home yet.
Result<Token> load_token(const std::filesystem::path& home);

}  // namespace bimodal::server

#include "rpc/connections.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>

namespace bimodal::rpc {

Result<UniqueFd> Connections::enlist(UniqueFd connection, std::string task_id) {
  std::lock_guard lock(mutex_);
  if (count_open(task_id) >= kMaxPerTask) {
    return error(Code::ResourceExhausted, "it has {} API connections open: another one is closed", kMaxPerTask);
  }
  UniqueFd moved(::fcntl(connection.get(), F_DUPFD_CLOEXEC, next_));
  if (!moved) moved.reset(::fcntl(connection.get(), F_DUPFD_CLOEXEC, kFirst));  // past the limit: round again
  if (!moved) return errno_error(errno, "taking over a container's API connection (raise the open files limit)");
  const int flags = ::fcntl(moved.get(), F_GETFL);
  if (::fcntl(moved.get(), F_SETFL, flags | O_NONBLOCK) != 0) return errno_error(errno, "a container's API connection");
  struct stat about{};
  if (::fstat(moved.get(), &about) != 0) return errno_error(errno, "a container's API connection");
  next_ = moved.get() + 1;
  entries_[moved.get()] = Entry{std::move(task_id), about.st_dev, about.st_ino};
  return moved;
}

int Connections::count_open(const std::string& task_id) const {
  int open = 0;
  for (const auto& [number, entry] : entries_) {
    struct stat about{};
    if (entry.task_id != task_id || ::fstat(number, &about) != 0) continue;
    if (about.st_dev == entry.device && about.st_ino == entry.socket) ++open;
  }
  return open;
}

std::optional<std::string> Connections::task_of(const std::string& peer) const {
  constexpr std::string_view kPrefix = "fd:";
  if (!peer.starts_with(kPrefix)) return std::nullopt;
  int number = -1;
  const char* end = peer.data() + peer.size();
  auto [parsed, failure] = std::from_chars(peer.data() + kPrefix.size(), end, number);
  if (failure != std::errc() || parsed != end) return std::nullopt;
  std::lock_guard lock(mutex_);
  auto found = entries_.find(number);
  if (found == entries_.end()) return std::nullopt;
  return found->second.task_id;
}

}  // namespace bimodal::rpc

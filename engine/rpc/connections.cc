#include "rpc/connections.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>

namespace bimodal::rpc {

Result<UniqueFd> Connections::enlist(UniqueFd connection, std::string task_id) {
  std::lock_guard lock(mutex_);
  if (count_open(task_id) >= kMaxPerTask) {
    return error(Code::ResourceExhausted, "it has {} API connections open: another one is closed", kMaxPerTask);
  }
  return enlist_locked(std::move(connection), Peer{.task_id = std::move(task_id), .address = ""});
}

Result<UniqueFd> Connections::enlist_client(UniqueFd connection, Peer client) {
  std::lock_guard lock(mutex_);
  return enlist_locked(std::move(connection), std::move(client));
}

Result<UniqueFd> Connections::enlist_locked(UniqueFd connection, Peer peer) {
  UniqueFd moved(::fcntl(connection.get(), F_DUPFD_CLOEXEC, next_));
  if (!moved) moved.reset(::fcntl(connection.get(), F_DUPFD_CLOEXEC, kFirst));  // past the limit: round again
  if (!moved) return errno_error(errno, "taking over an API connection (raise the open files limit)");
  const int flags = ::fcntl(moved.get(), F_GETFL);
  if (::fcntl(moved.get(), F_SETFL, flags | O_NONBLOCK) != 0) return errno_error(errno, "an API connection");
  struct stat about{};
  if (::fstat(moved.get(), &about) != 0) return errno_error(errno, "an API connection");
  next_ = moved.get() + 1;
  entries_[moved.get()] = Entry{std::move(peer), about.st_dev, about.st_ino};
  return moved;
}

void Connections::cut_clients() const {
  std::lock_guard lock(mutex_);
  for (const auto& [number, entry] : entries_) {
    if (entry.peer.task_id.empty() && is_open(number, entry)) ::shutdown(number, SHUT_RDWR);
  }
}

bool Connections::is_open(int number, const Entry& entry) {
  struct stat about{};
  return ::fstat(number, &about) == 0 && about.st_dev == entry.device && about.st_ino == entry.socket;
}

int Connections::count_open(const std::string& task_id) const {
  int open = 0;
  for (const auto& [number, entry] : entries_) {
    if (entry.peer.task_id == task_id && is_open(number, entry)) ++open;
  }
  return open;
}

Peer Connections::peer(const std::string& name) const {
  constexpr std::string_view kPrefix = "fd:";
  if (!name.starts_with(kPrefix)) return {};
  int number = -1;
  const char* end = name.data() + name.size();
  auto [parsed, failure] = std::from_chars(name.data() + kPrefix.size(), end, number);
  if (failure != std::errc() || parsed != end) return {};
  std::lock_guard lock(mutex_);
  auto found = entries_.find(number);
  return found == entries_.end() ? Peer() : found->second.peer;
}

}  // namespace bimodal::rpc

#include "rpc/connections.h"

#include <fcntl.h>

#include <cerrno>

namespace bimodal::rpc {

Result<UniqueFd> Connections::enlist(UniqueFd connection, std::string task_id) {
  std::lock_guard lock(mutex_);
  UniqueFd moved(::fcntl(connection.get(), F_DUPFD_CLOEXEC, next_));
  if (!moved) moved.reset(::fcntl(connection.get(), F_DUPFD_CLOEXEC, kFirst));  // past the limit: round again
  if (!moved) return errno_error(errno, "taking over a container's API connection (raise the open files limit)");
  const int flags = ::fcntl(moved.get(), F_GETFL);
  if (::fcntl(moved.get(), F_SETFL, flags | O_NONBLOCK) != 0) return errno_error(errno, "a container's API connection");
  next_ = moved.get() + 1;
  task_by_peer_["fd:" + std::to_string(moved.get())] = std::move(task_id);
  return moved;
}

std::optional<std::string> Connections::task_of(const std::string& peer) const {
  std::lock_guard lock(mutex_);
  auto found = task_by_peer_.find(peer);
  if (found == task_by_peer_.end()) return std::nullopt;
  return found->second;
}

}  // namespace bimodal::rpc

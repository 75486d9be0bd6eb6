#include "sandbox/descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace bimodal::sandbox {

void close_all_but(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  for (std::size_t i = 0; i + 1 < kept.size(); ++i) {
    if (kept[i] + 1 < kept[i + 1])
      ::close_range(static_cast<unsigned>(kept[i]) + 1, static_cast<unsigned>(kept[i + 1]) - 1, 0);
  }
  ::close_range(static_cast<unsigned>(kept.back()) + 1, ~0U, 0);
}

Result<void> arrange_descriptors(std::vector<int> wanted, std::size_t inherited) {
  const int count = static_cast<int>(wanted.size());
  for (int& fd : wanted) {  // first out of the way, so that no move overwrites what is still needed
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, count);
    if (fd < 0) return errno_error(errno, "copy a descriptor");
  }
  for (int number = 0; number < count; ++number) {
    const int flags = static_cast<std::size_t>(number) < inherited ? 0 : O_CLOEXEC;
    if (::dup3(wanted[static_cast<std::size_t>(number)], number, flags) < 0) {
      return errno_error(errno, "place a descriptor");
    }
  }
  if (::close_range(static_cast<unsigned>(count), ~0U, 0) != 0) return errno_error(errno, "close descriptors");
  return {};
}

}  // namespace bimodal::sandbox

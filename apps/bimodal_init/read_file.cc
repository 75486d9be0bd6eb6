#include "read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace bimodal::init {

std::string read_file(int fd, std::size_t limit) {
  struct stat status{};
  if (fd < 0 || ::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return {};
  std::string text(std::min(limit, static_cast<std::size_t>(status.st_size)), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    ssize_t got = ::pread(fd, text.data() + have, text.size() - have, static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

std::string read_file(const char* path, std::size_t limit) {
  int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  std::string text = read_file(fd, limit);
  if (fd >= 0) ::close(fd);
  return text;
}

}  // namespace bimodal::init

#include "base/directory_mark.h"

#include <fcntl.h>
#include <cerrno>

#include "base/log.h"

namespace bimodal {

namespace fs = std::filesystem;

namespace {

UniqueFd open_directory(const fs::path& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

struct flock whole(short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool is_marked_by_another(int directory) {
  struct flock lock = whole(F_WRLCK);
  return ::fcntl(directory, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

Result<UniqueFd> mark_directory(const fs::path& directory) {
  UniqueFd opened = open_directory(directory);
  if (!opened) return errno_error(errno, "open " + directory.string());
  struct flock lock = whole(F_RDLCK);
  if (::fcntl(opened.get(), F_SETLK, &lock) != 0) return errno_error(errno, "mark " + directory.string());
  return opened;
}

void remove_unmarked(const fs::path& parent) {
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(parent, missing)) {
    const UniqueFd opened = open_directory(entry.path());
    if (opened && is_marked_by_another(opened.get())) continue;
    std::error_code failure;
    fs::remove_all(entry.path(), failure);
    if (failure) log::warning("remove {} of an earlier run: {}", entry.path().string(), failure.message());
  }
}

}  // namespace bimodal

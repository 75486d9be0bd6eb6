#include "base/private_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "base/unique_fd.h"

namespace bimodal {
namespace {

namespace fs = std::filesystem;

Result<void> make_directory(const fs::path& directory) {
  if (std::error_code ignored; fs::is_directory(directory, ignored)) return {};
  std::error_code failure;
  fs::create_directories(directory, failure);
  if (failure) return error(Code::Internal, "make {}: {}", directory.string(), failure.message());
  if (::chmod(directory.c_str(), 0700) != 0) return errno_error(errno, "chmod " + directory.string());
  return {};
}

Result<void> write_all(int fd, std::string_view text, const fs::path& file) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno_error(errno, "write " + file.string());
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd) != 0) return errno_error(errno, "fsync " + file.string());
  return {};
}

Result<void> sync_directory(const fs::path& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return errno_error(errno, "fsync " + directory.string());
  return {};
}

}  // namespace

Result<void> write_private(const fs::path& file, std::string_view content) {
  TRY_VOID(make_directory(file.parent_path()));
  fs::path fresh = file;
  fresh += ".new";
  ::unlink(fresh.c_str());
  const UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return errno_error(errno, "create " + fresh.string());
  TRY_VOID(write_all(fd.get(), content, fresh));
  if (::rename(fresh.c_str(), file.c_str()) != 0) return errno_error(errno, "rename " + fresh.string());
  return sync_directory(file.parent_path());
}

Result<std::string> read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return error(Code::NotFound, "{} doesn't exist or can't be read", file.string());
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace bimodal

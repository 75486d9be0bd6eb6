#include "runtime/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/directory_mark.h"
#include "base/log.h"

namespace bimodal::runtime {

namespace fs = std::filesystem;

namespace {

constexpr int kBacklog = 1024;
constexpr int kPrivate = 0700;
constexpr int kOpen = 0755;
constexpr int kSocketForAll = 0666;  // whatever user the container's processes are

Result<void> make_directory(const fs::path& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0) return errno_error(errno, "mkdir " + path.string());
  if (::chmod(path.c_str(), mode) != 0) return errno_error(errno, "chmod " + path.string());
  return {};
}

// A listening socket at `name` in the open directory.
Result<UniqueFd> listen_in(int directory, const std::string& name, mode_t mode) {
  std::string path = fmt::format("/proc/self/fd/{}/{}", directory, name);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno_error(errno, "socket for " + name);
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return errno_error(errno, "bind " + name);
  }
  if (::chmod(path.c_str(), mode) != 0) return errno_error(errno, "chmod " + name);
  if (::listen(socket.get(), kBacklog) != 0) return errno_error(errno, "listen " + name);
  return socket;
}

Result<void> write_file(const fs::path& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file)
    return error(Code::Internal, "write {} ({} bytes) failed: is the disk full?", path.string(), content.size());
  if (::chmod(path.c_str(), 0644) != 0) return errno_error(errno, "chmod " + path.string());
  return {};
}

std::string socket_path(const fs::path& directory, int descriptor, const std::string& name) {
  std::string plain = directory / name;
  if (plain.size() < sizeof(sockaddr_un::sun_path)) return plain;
  return fmt::format("/proc/self/fd/{}/{}", descriptor, name);
}

}  // namespace

Result<std::unique_ptr<RunDirectory>> RunDirectory::make_bare(const fs::path& home, const std::string& task_id) {
  std::error_code failure;
  fs::create_directories(home / "run", failure);
  if (failure) return errno_error(failure.value(), "mkdir " + (home / "run").string());
  if (::chmod((home / "run").c_str(), kPrivate) != 0) return errno_error(errno, "chmod " + (home / "run").string());
  std::unique_ptr<RunDirectory> directory(new RunDirectory());
  directory->path_ = home / "run" / task_id;
  TRY_VOID(make_directory(directory->path_, kPrivate));
  TRY(directory->descriptor_, mark_directory(directory->path_));
  return directory;
}

Result<std::unique_ptr<RunDirectory>> RunDirectory::make(
    const fs::path& home, const std::string& task_id, const std::string& arguments) {
  TRY(auto directory, make_bare(home, task_id));
  TRY_VOID(directory->fill(arguments));
  return directory;
}

Result<void> RunDirectory::fill(const std::string& arguments) {
  TRY_VOID(make_directory(api(), kOpen));
  TRY_VOID(write_arguments(arguments));
  TRY(web_listener, listen_in(descriptor_.get(), "web.sock", 0600));
  TRY(api_listener, listen_in(descriptor_.get(), "api/api.sock", kSocketForAll));
  web_socket_ = socket_path(path_, descriptor_.get(), "web.sock");
  return {};
}

Result<void> RunDirectory::write_arguments(const std::string& arguments) {
  return write_file(api() / "arguments.bin", arguments);
}

Result<UniqueFd> RunDirectory::listen_for_gateway() {
  TRY(UniqueFd listener, listen_in(descriptor_.get(), "client.sock", 0600));
  web_socket_ = socket_path(path_, descriptor_.get(), "client.sock");
  return listener;
}

RunDirectory::~RunDirectory() {
  remove();
}

void RunDirectory::remove() {
  if (path_.empty()) return;
  std::error_code failure;
  fs::remove_all(path_, failure);
  if (failure) {  // the destructor tries again, then Containers::close()
    log::warning("remove {}: {}", path_.string(), failure.message());
    return;
  }
  path_.clear();
}

void remove_stale_run_directories(const fs::path& home) {
  remove_unmarked(home / "run");
}

}  // namespace bimodal::runtime

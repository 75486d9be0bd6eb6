#include "cli/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "base/unique_fd.h"

namespace bimodal::cli {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::string read_to_end(int fd) {
  std::string text;
  char chunk[4096];
  ssize_t length;
  while ((length = ::read(fd, chunk, sizeof chunk)) > 0 || (length < 0 && errno == EINTR)) {
    if (length > 0) text.append(chunk, static_cast<std::size_t>(length));
  }
  return text;
}

}  // namespace

std::optional<std::filesystem::path> find_on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::filesystem::path file = std::filesystem::path(folder) / program;
    if (!folder.empty() && ::access(file.c_str(), X_OK) == 0) return file;
  }
  return std::nullopt;
}

Result<std::string> capture(std::vector<std::string> command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "make a pipe");
  UniqueFd reader(ends[0]), writer(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, writer.get(), 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  int failure = ::posix_spawnp(&pid, command[0].c_str(), &actions, nullptr, pointers_to(command).data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) return errno_error(failure, "run " + command[0]);
  writer.reset();
  std::string text = read_to_end(reader.get());
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (status != 0) return error(Code::Unknown, "{} failed with status {}", command[0], status);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

Error become(std::vector<std::string> command) {
  ::execvp(command[0].c_str(), pointers_to(command).data());
  return Error{Code::Internal, fmt::format("can't run {}: {}", command[0], std::strerror(errno))};
}

}  // namespace bimodal::cli

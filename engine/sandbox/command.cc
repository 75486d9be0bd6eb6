#include "sandbox/command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"

namespace bimodal::sandbox {

namespace {

constexpr std::size_t kMaxComplaint = 1024;

Result<pid_t> spawn(const std::vector<std::string>& argv, int input, int complaints) {
  std::vector<char*> arguments;
  for (const auto& arg : argv) arguments.push_back(const_cast<char*>(arg.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, input, 0);
  ::posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files, complaints, 2);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  int failed = ::posix_spawnp(&pid, arguments[0], &files, &attributes, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  ::posix_spawnattr_destroy(&attributes);
  if (failed == ENOENT) return error(Code::NotFound, "{}: not installed", argv[0]);
  if (failed != 0) return errno_error(failed, "run " + argv[0]);
  return pid;
}

std::string read_complaint(int fd) {
  std::string text;
  char buffer[512];
  for (ssize_t got = ::read(fd, buffer, sizeof buffer); got > 0; got = ::read(fd, buffer, sizeof buffer)) {
    if (text.size() < kMaxComplaint) text.append(buffer, static_cast<std::size_t>(got));
  }
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

}  // namespace

Result<void> run_command(const std::vector<std::string>& argv, std::string_view input) {
  int in[2], err[2];
  if (::pipe2(in, O_CLOEXEC) != 0) return errno_error(errno, "pipe2");
  UniqueFd in_reader(in[0]), in_writer(in[1]);
  if (::pipe2(err, O_CLOEXEC) != 0) return errno_error(errno, "pipe2");
  UniqueFd err_reader(err[0]), err_writer(err[1]);
  TRY(pid_t pid, spawn(argv, in_reader.get(), err_writer.get()));
  in_reader.reset();
  err_writer.reset();
  bool fed = ::write(in_writer.get(), input.data(), input.size()) >= 0;
  in_writer.reset();
  std::string complaint = read_complaint(err_reader.get());
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (fed && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return error(Code::Internal, "{}: {}", argv[0], complaint.empty() ? "failed" : complaint);
}

}  // namespace bimodal::sandbox

#include "sandbox/command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"

namespace bimodal::sandbox {

namespace {

constexpr std::size_t kMaxOutput = 64 * 1024, kMaxComplaint = 1024;

// stdin, stdout and stderr of the program, as memory files: nothing can block on them.
struct Files {
  UniqueFd in, out, err;
};

Result<Files> make_files(std::string_view input) {
  Files files{
      UniqueFd(::memfd_create("in", MFD_CLOEXEC)), UniqueFd(::memfd_create("out", MFD_CLOEXEC)),
      UniqueFd(::memfd_create("err", MFD_CLOEXEC))};
  if (!files.in || !files.out || !files.err) return errno_error(errno, "memfd_create");
  if (::pwrite(files.in.get(), input.data(), input.size(), 0) != static_cast<ssize_t>(input.size())) {
    return errno_error(errno, "write a program's input");
  }
  return files;
}

Result<pid_t> spawn(const std::vector<std::string>& argv, const Files& files) {
  std::vector<char*> arguments;
  for (const auto& arg : argv) arguments.push_back(const_cast<char*>(arg.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, files.in.get(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, files.out.get(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, files.err.get(), 2);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  int failed = ::posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (failed == ENOENT) return error(Code::NotFound, "{}: not installed", argv[0]);
  if (failed != 0) return errno_error(failed, "run " + argv[0]);
  return pid;
}

std::string text_in(int fd, std::size_t limit) {
  std::string text(limit, '\0');
  ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

Result<std::string> run(const std::vector<std::string>& argv, std::string_view input) {
  TRY(Files files, make_files(input));
  TRY(pid_t pid, spawn(argv, files));
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text_in(files.out.get(), kMaxOutput);
  std::string complaint = text_in(files.err.get(), kMaxComplaint);
  return error(Code::Internal, "{}: {}", argv[0], complaint.empty() ? "failed" : complaint);
}

}  // namespace

Result<void> run_command(const std::vector<std::string>& argv, std::string_view input) {
  TRY_VOID(run(argv, input));
  return {};
}

Result<std::string> command_output(const std::vector<std::string>& argv) {
  return run(argv, "");
}

}  // namespace bimodal::sandbox

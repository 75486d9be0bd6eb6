// The program inside the test sandboxes: does one thing, prints what came of it, and exits.
//
//   probe VERB [ARGUMENT…]     verbs are in kVerbs at the end; unknown ones exit with 99
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "probe_calls.h"
#include "wire/zygote.h"
#include "zygote_orders.h"

namespace {

using Arguments = std::vector<std::string>;

int outcome(bool good) {
  std::puts(good ? "ok" : ::strerrorname_np(errno));
  return 0;
}

int do_exit(const Arguments& args) {
  return std::stoi(args.at(0));
}

int do_print(const Arguments& args) {
  for (const auto& arg : args) std::puts(arg.c_str());
  return 0;
}

int do_read(const Arguments& args) {
  int fd = ::open(args.at(0).c_str(), O_RDONLY);
  if (fd < 0) return outcome(false);
  char buffer[4096];
  for (ssize_t got = ::read(fd, buffer, sizeof buffer); got > 0; got = ::read(fd, buffer, sizeof buffer)) {
    std::fwrite(buffer, 1, static_cast<std::size_t>(got), stdout);
  }
  return 0;
}

int do_write(const Arguments& args) {
  int fd = ::open(args.at(0).c_str(), O_WRONLY | O_CREAT, 0644);
  return outcome(fd >= 0 && ::write(fd, args.at(1).data(), args.at(1).size()) >= 0);
}

// Removes the files of the directory, makes it anew, removes the file.
int do_replace(const Arguments& args) {
  DIR* directory = ::opendir(args.at(0).c_str());
  if (directory == nullptr) return outcome(false);
  while (dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') ::unlinkat(::dirfd(directory), entry->d_name, 0);
  }
  bool good = ::rmdir(args.at(0).c_str()) == 0 && ::mkdir(args.at(0).c_str(), 0755) == 0;
  return outcome(good && ::unlink(args.at(1).c_str()) == 0);
}

int do_list(const Arguments& args) {
  DIR* directory = ::opendir(args.at(0).c_str());
  if (directory == nullptr) return outcome(false);
  while (dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') std::puts(entry->d_name);
  }
  return 0;
}

int do_owner(const Arguments& args) {
  struct stat status{};
  if (::lstat(args.at(0).c_str(), &status) != 0) return outcome(false);
  std::printf("%u:%u %o\n", status.st_uid, status.st_gid, status.st_mode & 07777);
  return 0;
}

int do_chown(const Arguments& args) {
  auto id = static_cast<unsigned>(std::stoul(args.at(1)));
  return outcome(::chown(args.at(0).c_str(), id, id) == 0);
}

int do_id(const Arguments&) {
  std::printf("%u:%u\n", ::getuid(), ::getgid());
  return 0;
}

int do_env(const Arguments&) {
  for (char** variable = environ; *variable != nullptr; ++variable) std::puts(*variable);
  return 0;
}

int do_cwd(const Arguments&) {
  char path[4096];
  return std::puts(::getcwd(path, sizeof path)) < 0;
}

// The numbers of all open descriptors but the one that reads the list.
int do_fds(const Arguments&) {
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) std::printf("%d ", fd);
  }
  std::puts("");
  return 0;
}

int do_pid(const Arguments&) {
  std::printf("%d\n", ::getpid());
  return 0;
}

int do_pids(const Arguments&) {
  DIR* directory = ::opendir("/proc");
  int count = 0;
  while (dirent* entry = ::readdir(directory)) count += std::strtol(entry->d_name, nullptr, 10) > 0 ? 1 : 0;
  std::printf("%d\n", count);
  return 0;
}

// Tells that it runs, then waits for a signal to end it.
int do_wait(const Arguments&) {
  std::puts("waiting");
  std::fflush(stdout);
  for (;;) ::pause();
}

// Exits with the number of the signal that it got.
int do_catch(const Arguments&) {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  std::puts("waiting");
  std::fflush(stdout);
  int number = 0;
  ::sigwait(&all, &number);
  return number;
}

int run_verb(const std::string& name, const Arguments& arguments);

// Does several things, but only after SIGUSR1: "after verb argument… -- verb argument…".
int do_after(const Arguments& args) {
  sigset_t awaited;
  ::sigemptyset(&awaited);
  ::sigaddset(&awaited, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &awaited, nullptr);
  std::puts("waiting");
  std::fflush(stdout);
  int number = 0;
  ::sigwait(&awaited, &number);
  for (auto at = args.begin(); at != args.end();) {
    auto end = std::find(at, args.end(), "--");
    if (int failed = run_verb(*at, Arguments(at + 1, end)); failed != 0) return failed;
    std::fflush(stdout);
    at = end == args.end() ? end : end + 1;
  }
  return 0;
}

// Leaves an orphan that would write to stdout for ever, and exits.
int do_orphan(const Arguments&) {
  if (::fork() == 0) {
    for (;;) ::pause();
  }
  return 0;
}

int do_kill_self(const Arguments& args) {
  ::signal(SIGABRT, SIG_DFL);
  ::kill(::getpid(), std::stoi(args.at(0)));
  return 98;
}

int do_address(const Arguments& args) {
  ifreq request{};
  std::strncpy(request.ifr_name, args.at(0).c_str(), IFNAMSIZ - 1);
  int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  if (::ioctl(fd, SIOCGIFADDR, &request) != 0) return outcome(false);
  sockaddr_in address{};
  std::memcpy(&address, &request.ifr_addr, sizeof address);
  std::puts(::inet_ntoa(address.sin_addr));
  return 0;
}

int do_connect(const Arguments& args) {
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  timeval patience{.tv_sec = 1};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(std::stoi(args.at(1))))};
  ::inet_pton(AF_INET, args.at(0).c_str(), &address.sin_addr);
  return outcome(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
}

int do_bind(const Arguments& args) {
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(std::stoi(args.at(0))))};
  return outcome(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
}

int do_listen(const Arguments& args) {
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(std::stoi(args.at(0))))};
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return outcome(false);
  ::listen(fd, 8);
  return do_wait(args);
}

int do_attempt(const Arguments& args) {
  errno = 0;
  return outcome(attempt(args.at(0)) >= 0);
}

// One line per call: its name and what came of it.
int do_attempts(const Arguments& args) {
  for (const auto& call : args) {
    errno = 0;
    bool good = attempt(call) >= 0;
    std::printf("%s %s\n", call.c_str(), good ? "ok" : ::strerrorname_np(errno));
  }
  return 0;
}

// Touches that many MiB, one by one.
int do_eat(const Arguments& args) {
  constexpr std::size_t kMiB = 1024 * 1024;
  constexpr std::size_t kPage = 4096;
  for (int i = std::stoi(args.at(0)); i > 0; --i) {
    auto* block = static_cast<volatile char*>(std::malloc(kMiB));  // volatile: no compiler drops the writes
    for (std::size_t at = 0; at < kMiB; at += kPage) block[at] = 1;
  }
  return 0;
}

// Spins for that many milliseconds of wall time and prints how many of cpu time it got.
int do_spin(const Arguments& args) {
  auto now_ms = [](clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
  };
  long end = now_ms(CLOCK_MONOTONIC) + std::stol(args.at(0));
  while (now_ms(CLOCK_MONOTONIC) < end) {
  }
  std::printf("%ld\n", now_ms(CLOCK_PROCESS_CPUTIME_ID));
  return 0;
}

// Forks children that stay, until it is refused, and prints how many there are.
int do_fork_bomb(const Arguments&) {
  int children = 0;
  for (pid_t pid = ::fork(); pid >= 0; pid = ::fork()) {
    if (pid == 0) {
      for (;;) ::pause();
    }
    ++children;
  }
  std::printf("%d %s\n", children, ::strerrorname_np(errno));
  return 0;
}

int do_effective(const Arguments&) {
  std::printf("%u\n", ::geteuid());
  return 0;
}

// Writes that many MiB into a file.
int do_fill(const Arguments& args) {
  std::string block(1024 * 1024, 'x');
  int fd = ::open(args.at(0).c_str(), O_WRONLY | O_CREAT, 0644);
  for (int i = std::stoi(args.at(1)); i > 0; --i) {
    if (::write(fd, block.data(), block.size()) != static_cast<ssize_t>(block.size())) {
      return outcome(::write(fd, block.data(), block.size()) > 0);
    }
  }
  return outcome(true);
}

int do_connect_abstract(const Arguments& args) {
  int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{.sun_family = AF_UNIX};
  args.at(0).copy(address.sun_path + 1, sizeof address.sun_path - 1);
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + args[0].size());
  return outcome(::connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
}

int run_verb(const std::string& name, const Arguments& arguments);

// Forks a container for each order; each does what the arguments say. "own": hands over itself instead.
int do_zygote(const Arguments& args) {
  std::puts("waiting");
  std::fflush(stdout);
  for (std::vector<int> fds = bimodal::sandbox::next_order(); !fds.empty(); fds = bimodal::sandbox::next_order()) {
    const bool honest = args.at(0) != "own";
    const int pidfd = honest ? bimodal::wire::fork_container({fds[0], fds[1], fds[2], fds[3], fds[4]})
                             : static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
    if (pidfd == bimodal::wire::kInContainer) return run_verb(args.at(0), Arguments(args.begin() + 1, args.end()));
    bimodal::sandbox::answer_order(pidfd);
    for (int fd : fds) ::close(fd);
    ::close(pidfd);
  }
  return 0;
}

struct Verb {
  const char* name;
  int (*run)(const Arguments&);
};
constexpr Verb kVerbs[] = {
    {"exit", do_exit},
    {"print", do_print},
    {"read", do_read},
    {"write", do_write},
    {"replace", do_replace},
    {"list", do_list},
    {"owner", do_owner},
    {"chown", do_chown},
    {"id", do_id},
    {"env", do_env},
    {"cwd", do_cwd},
    {"fds", do_fds},
    {"pid", do_pid},
    {"pids", do_pids},
    {"wait", do_wait},
    {"catch", do_catch},
    {"orphan", do_orphan},
    {"die", do_kill_self},
    {"address", do_address},
    {"connect", do_connect},
    {"bind", do_bind},
    {"listen", do_listen},
    {"attempt", do_attempt},
    {"effective", do_effective},
    {"fill", do_fill},
    {"connect-abstract", do_connect_abstract},
    {"attempts", do_attempts},
    {"eat", do_eat},
    {"spin", do_spin},
    {"forkbomb", do_fork_bomb},
    {"after", do_after},
    {"zygote", do_zygote},
};

int run_verb(const std::string& name, const Arguments& arguments) {
  for (const auto& verb : kVerbs) {
    if (name == verb.name) return verb.run(arguments);
  }
  return 99;
}

}  // namespace

int main(int argc, char** argv) {
  std::string name = argc > 1 ? argv[1] : "";
  Arguments arguments(argv + std::min(argc, 2), argv + argc);
  return run_verb(name, arguments);
}

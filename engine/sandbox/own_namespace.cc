#include "sandbox/own_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <sstream>
#include <vector>

#include "base/unique_fd.h"
#include "sandbox/command.h"
#include "sandbox/text_file.h"

namespace bimodal::sandbox {

namespace {

constexpr std::size_t kMaxComplaint = 2048;
constexpr std::uint32_t kAllIds = 4'294'967'295;
constexpr const char* kAppArmor = "with AppArmor, as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";

struct Account {
  std::string name;
  std::uint32_t uid, gid, first_uid, first_gid;
};

Result<std::uint32_t> find_range(const char* file, const std::string& name, std::uint32_t uid, const char* option) {
  if (auto first = subordinate_ids(text_of(file), name, uid)) return *first;
  return error(
      Code::FailedPrecondition,
      "{} gives {} no {} subordinate ids; as root: usermod {} 1000000-1065535 {} (a range that no other line has)",
      file, name, kSubordinateIds, option, name);
}

Result<Account> own_account() {
  Account account{.uid = ::getuid(), .gid = ::getgid()};
  const passwd* entry = ::getpwuid(account.uid);
  account.name = entry != nullptr ? entry->pw_name : fmt::to_string(account.uid);
  TRY(account.first_uid, find_range("/etc/subuid", account.name, account.uid, "--add-subuids"));
  TRY(account.first_gid, find_range("/etc/subgid", account.name, account.uid, "--add-subgids"));
  return account;
}

Result<void> map_ids(const char* program, pid_t pid, std::uint32_t own, std::uint32_t first) {
  auto mapped = run_command(
      {program, fmt::to_string(pid), "0", fmt::to_string(own), "1", "1", fmt::to_string(first),
       fmt::to_string(kSubordinateIds)},
      "");
  if (!mapped && mapped.error().code == Code::NotFound) {
    return error(Code::FailedPrecondition, "{} is missing; install the Debian package uidmap", program);
  }
  return mapped;
}

struct Pipe {
  UniqueFd reader, writer;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(errno, "pipe2");
  return Pipe{.reader = UniqueFd(ends[0]), .writer = UniqueFd(ends[1])};
}

// In a child that stays outside: only there do newuidmap(1) and newgidmap(1) have their power. Writes what went wrong.
[[noreturn]] void map_from_outside(pid_t pid, const Account& account, Pipe& made, Pipe& answer) {
  made.writer.reset();
  answer.reader.reset();
  char byte = 0;
  if (::read(made.reader.get(), &byte, 1) != 1) ::_exit(0);  // no namespace came to be
  auto mapped = map_ids("newuidmap", pid, account.uid, account.first_uid);
  if (mapped) mapped = map_ids("newgidmap", pid, account.gid, account.first_gid);
  std::string text = mapped ? "" : mapped.error().message.substr(0, kMaxComplaint);
  ::_exit(::write(answer.writer.get(), text.data(), text.size()) < 0 ? 1 : 0);
}

Result<void> make_namespace(Pipe& made) {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return error(
        Code::FailedPrecondition,
        "a user namespace can't be made: {}; as root: sysctl -w user.max_user_namespaces=10000 "
        "kernel.unprivileged_userns_clone=1; {}",
        std::strerror(errno), kAppArmor);
  }
  if (::write(made.writer.get(), "1", 1) == 1) return {};
  return errno_error(errno, "tell the mapper");
}

Result<void> become_root() {
  if (::setresgid(0, 0, 0) == 0 && ::setresuid(0, 0, 0) == 0) return {};
  return error(
      Code::FailedPrecondition, "the own user namespace gives no power: {}; {}", std::strerror(errno), kAppArmor);
}

}  // namespace

Privilege privilege_here() {
  std::istringstream map(text_of("/proc/self/uid_map"));
  std::uint32_t inside = 1, outside = 1, count = 0;
  map >> inside >> outside >> count;
  bool whole = inside == 0 && outside == 0 && count == kAllIds;
  return ::geteuid() == 0 && whole ? Privilege::Root : Privilege::Rootless;
}

std::optional<std::uint32_t> subordinate_ids(std::string_view text, std::string_view name, std::uint32_t uid) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string who, first, count;
    if (!std::getline(fields, who, ':') || !std::getline(fields, first, ':') || !std::getline(fields, count)) continue;
    if (who != name && who != fmt::to_string(uid)) continue;
    std::uint32_t begin = 0, size = 0;
    auto read = [](const std::string& digits, std::uint32_t& value) {
      return std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc();
    };
    if (read(first, begin) && read(count, size) && begin > 0 && size >= kSubordinateIds) return begin;
  }
  return std::nullopt;
}

Result<void> enter_own_namespace() {
  if (::geteuid() == 0) return {};
  TRY(Account account, own_account());
  TRY(Pipe made, make_pipe());
  TRY(Pipe answer, make_pipe());
  pid_t self = ::getpid();
  pid_t mapper = ::fork();
  if (mapper < 0) return errno_error(errno, "fork");
  if (mapper == 0) map_from_outside(self, account, made, answer);
  auto entered = make_namespace(made);
  made.writer.reset();
  answer.writer.reset();
  std::string complaint(kMaxComplaint, '\0');
  ssize_t got = ::read(answer.reader.get(), complaint.data(), complaint.size());
  ::waitpid(mapper, nullptr, 0);
  TRY_VOID(std::move(entered));
  if (got != 0) {
    complaint.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return error(Code::FailedPrecondition, "the own user namespace: {}", complaint);
  }
  return become_root();
}

}  // namespace bimodal::sandbox

#include "sandbox/user_ranges.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>

#include "sandbox/process.h"
#include "sandbox/text_file.h"

namespace bimodal::sandbox {

namespace {

constexpr std::size_t kKeptNamespaces = 512;

// A user namespace that maps 0…65535 to `base`…: made by a child that lives only as long as that takes.
Result<UniqueFd> make_namespace(std::uint32_t base) {
  TRY(Process child, clone_process(CLONE_NEWUSER));
  if (child.pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::pause();
  }
  std::string directory = fmt::format("/proc/{}", child.pid);
  // Rootless, root's id and the others are two extents of the namespace above: no extent may span both.
  std::string map =
      base > 0 ? fmt::format("0 {} {}\n", base, kRangeSize) : fmt::format("0 0 1\n1 1 {}\n", kRangeSize - 1);
  auto mapped = write_text(directory + "/uid_map", map);
  if (mapped) mapped = write_text(directory + "/gid_map", map);
  UniqueFd made(::open((directory + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  int open_error = errno;
  ::kill(child.pid, SIGKILL);
  ::waitpid(child.pid, nullptr, 0);
  TRY_VOID(std::move(mapped));
  if (!made) return errno_error(open_error, "open user namespace");
  return made;
}

}  // namespace

UserRanges::UserRanges(Privilege privilege, std::uint64_t home_hash)
    : privilege_(privilege),
      first_(kFirstUid + static_cast<std::uint32_t>(home_hash % kHomeSlots) * kRangesPerHome * kRangeSize) {}

Result<std::uint32_t> UserRanges::take(std::uint32_t wanted) {
  if (privilege_ == Privilege::Rootless) return 0;
  if (wanted != 0) {
    taken_.insert(wanted);
    return wanted;
  }
  for (std::uint32_t index = 0; index < kRangesPerHome; ++index) {
    std::uint32_t base = first_ + index * kRangeSize;
    if (taken_.contains(base)) continue;
    taken_.insert(base);
    return base;
  }
  return error(Code::ResourceExhausted, "sandbox: all {} user ranges are in use", kRangesPerHome);
}

void UserRanges::give_back(std::uint32_t base) {
  auto found = taken_.find(base);
  if (found != taken_.end()) taken_.erase(found);
  if (namespaces_.size() > kKeptNamespaces && !taken_.contains(base)) namespaces_.erase(base);
}

Result<int> UserRanges::user_namespace(std::uint32_t base) {
  if (privilege_ == Privilege::Rootless) namespaces_.erase(base);
  auto found = namespaces_.find(base);
  if (found == namespaces_.end()) {
    TRY(UniqueFd made, make_namespace(base));
    found = namespaces_.emplace(base, std::move(made)).first;
  }
  return found->second.get();
}

}  // namespace bimodal::sandbox

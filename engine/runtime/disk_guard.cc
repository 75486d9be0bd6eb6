#include "runtime/disk_guard.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "async/deadline.h"
#include "async/pulse.h"
#include "async/rough.h"

namespace bimodal::runtime {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto kLook = 500ms;
// While more than kPlenty could still be written, which no disk takes in kSeldom.
constexpr auto kSeldom = 2s;
constexpr std::uint64_t kPlenty = std::uint64_t{16} << 30;
constexpr auto kAfterAnEnd = 2s;  // its files are removed meanwhile
// What has to stay free: a twentieth of the filesystem, but no more than this.
constexpr std::uint64_t kMostKeptFree = std::uint64_t{1} << 30;

struct Space {
  std::uint64_t free_bytes = 0, kept_bytes = 0;
};

std::optional<Space> space_of(const fs::path& directory) {
  struct statvfs status{};
  if (::statvfs(directory.c_str(), &status) != 0) return std::nullopt;
  const std::uint64_t all = std::uint64_t{status.f_blocks} * status.f_frsize;
  return Space{std::uint64_t{status.f_bavail} * status.f_frsize, std::min(all / 20, kMostKeptFree)};
}

}  // namespace

std::uint64_t bytes_below(const fs::path& directory) {
  std::uint64_t bytes = 0;
  int files = 0;
  std::error_code failure;
  const auto options = fs::directory_options::skip_permission_denied;
  for (auto it = fs::recursive_directory_iterator(directory, options, failure);
       !failure && it != fs::recursive_directory_iterator() && files < kMaxCountedFiles; it.increment(failure)) {
    struct stat status{};
    if (::lstat(it->path().c_str(), &status) == 0) bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
    ++files;
  }
  return bytes;
}

DiskGuard::DiskGuard(fs::path directory, Users users, End end)
    : directory_(std::move(directory)), users_(std::move(users)), end_(std::move(end)) {}

Task<void> DiskGuard::watch() {
  Deadline::Clock::duration pause = kLook;
  while (co_await sleep_until(roughly_after(pause))) {
    pause = kSeldom;
    if (users_().empty()) continue;
    auto space = space_of(directory_);
    if (!space || space->free_bytes < space->kept_bytes + kPlenty) pause = kLook;
    if (space && space->free_bytes < space->kept_bytes) co_await relieve(space->free_bytes);
  }
}

Task<void> DiskGuard::relieve(std::uint64_t free_bytes) {
  struct Found {
    std::string task_id;
    std::uint64_t bytes = 0;
  };
  auto users = users_();
  auto count = [users]() {
    Found most;
    for (const auto& user : users) {
      const std::uint64_t bytes = bytes_below(user.directory);
      if (bytes > most.bytes) most = {user.task_id, bytes};
    }
    return most;
  };
  Found most = co_await pool_.run(count);
  // Whoever fills the disk, it isn't a container then.
  if (most.bytes < kMostKeptFree / 64) co_return;
  end_(
      most.task_id,
      fmt::format(
          "killed: the server's disk is nearly full ({} MiB left), and of all containers it had written most "
          "({} MiB)",
          free_bytes >> 20, most.bytes >> 20));
  co_await sleep_until(Deadline::after(kAfterAnEnd));
}

}  // namespace bimodal::runtime

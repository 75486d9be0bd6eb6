// Keeps one running container from filling the disk for everybody: when little is left, whoever has written most ends.
//
// A container's own layer is a directory of the daemon's filesystem, and most filesystems can't bound a directory. So
// the free space is looked at, twice a second while containers run; only when it is short are files counted.
// Loop-bound.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "async/blocking_pool.h"
#include "async/task.h"

namespace bimodal::runtime {

struct DiskUser {
  std::string task_id;
  std::filesystem::path directory;  // of what it has written
};

// Bytes below `directory`, as they are on the disk; stops at kMaxCountedFiles. Blocks.
std::uint64_t bytes_below(const std::filesystem::path& directory);
inline constexpr int kMaxCountedFiles = 500'000;

class DiskGuard {
 public:
  using Users = std::function<std::vector<DiskUser>()>;
  using End = std::function<void(const std::string& task_id, std::string why)>;

  // `directory` is on the filesystem that they share.
  DiskGuard(std::filesystem::path directory, Users users, End end);
  // Runs until it is cancelled. Ends one container at a time.
  Task<void> watch();

 private:
  Task<void> relieve(std::uint64_t free_bytes);

  const std::filesystem::path directory_;
  const Users users_;
  const End end_;
  BlockingPool pool_{1};
};

}  // namespace bimodal::runtime

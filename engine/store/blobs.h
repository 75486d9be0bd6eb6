// Content-addressed files: blobs/<first two hex digits>/<sha-256>. Thread-safe; every method blocks.
//
// Written to a temporary file, fsync'ed and renamed, so that a name that exists is always whole.
#pragma once

#include <chrono>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bimodal::store {

class Blobs {
 public:
  explicit Blobs(std::filesystem::path directory);  // made when missing; left-over temporary files are removed

  bool contains(const std::string& sha256_hex) const;
  // The same, and remove_unused() spares it from now on for as long as its caller keeps blobs.
  bool keep(const std::string& sha256_hex);
  // Nobody needs it for its own sake any more: remove_unused() needn't wait. Not when a mount's layer shares the file.
  void release(const std::string& sha256_hex);
  // Removes the blobs that aren't in `used` and that nobody has written, read or kept since `since`. Returns how many.
  std::size_t remove_unused(const std::set<std::string>& used, std::chrono::system_clock::time_point since);
  // InvalidArgument when `expected_sha256` (if not empty) differs from the content's. ResourceExhausted: disk full.
  Result<std::string> put(std::string_view data, const std::string& expected_sha256 = "");
  // The same for a finished file, which is moved in.
  Result<std::string> adopt(const std::filesystem::path& file, const std::string& expected_sha256 = "");
  std::filesystem::path path_of(const std::string& sha256_hex) const;
  Result<std::string> read(const std::string& sha256_hex) const;
  // A new name for a file to be written and adopted later.
  std::filesystem::path temporary() const;
  // Whether `text` is 64 lower-case hex digits. Check it before path_of() for text that a client sent.
  static bool is_digest(std::string_view text);

 private:
  std::filesystem::path directory_;
  std::mutex mutex_;  // between looking at a blob's age and removing it
};

}  // namespace bimodal::store

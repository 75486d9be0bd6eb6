// What a stack of overlay layers shows, read without mounting it: whiteouts, opaque directories and symbolic links
// are followed as the kernel would. Blocks on the disk; not thread-safe while a layer changes.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace bimodal::image {

class LayerView {
 public:
  explicit LayerView(std::vector<std::filesystem::path> lowest_first);

  struct Entry {
    std::string path;               // absolute inside, every symbolic link on the way to it resolved
    std::filesystem::path on_disk;  // in the layer whose attributes count; empty when nothing is there
    struct stat attributes = {};    // of on_disk; meaningless when nothing is there

    bool exists() const { return !on_disk.empty(); }
    bool is_directory() const { return exists() && S_ISDIR(attributes.st_mode); }
    bool is_link() const { return exists() && S_ISLNK(attributes.st_mode); }
  };

  // Where `path` (absolute inside) leads. Components after the first missing one are taken as they stand, so that
  // the place of a file to be made can be asked for. FailedPrecondition: a component is a file, or too many links.
  enum class LastLink { Follow, Keep };
  Result<Entry> resolve(const std::string& path, LastLink last) const;

  // The text of a file of at most 1 MiB, e.g. /etc/passwd; nothing when there is no such file.
  std::optional<std::string> read(const std::string& path) const;

 private:
  // The layers that show through at one directory, topmost first.
  using Stack = std::vector<std::filesystem::path>;
  struct Found {
    Entry entry;
    Stack below;  // when it is a directory
  };
  static Found look_up(const Stack& parent, const std::string& parent_path, const std::string& name);

  Stack roots_;  // topmost first
};

// Absolute, without "." and "..", without a slash at the end: "/" or "/a/b". `base` is put before relative paths.
std::string normalize_path(const std::string& path, const std::string& base = "/");

}  // namespace bimodal::image

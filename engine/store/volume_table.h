// Rows of `volume_entries`: the committed files of one volume, as a tree.
//
// Paths are relative, normal ("a/b", "" for the root, which has no row), and every ancestor of an entry is a directory
// with an entry of its own. Each change that is made here counts the volume's revision up once it is told to.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "store/database.h"

namespace bimodal::store {

enum class EntryType : int { File = 1, Directory = 2, Symlink = 3 };  // as modal.client.FileEntry.FileType

struct VolumeEntry {
  std::string path;
  EntryType type = EntryType::File;
  unsigned mode = 0644;      // permission bits
  std::int64_t mtime = 0;    // Unix seconds
  std::int64_t size = 0;     // bytes, of a file
  std::string content = {};  // SHA-256 of a file's content in hex, target of a symbolic link
};

enum class Depth { Children, Descendants };

class VolumeTable {
 public:
  static constexpr std::int64_t kMaxEntries = 500'000;

  VolumeTable(Transaction& transaction, std::string volume_id)
      : transaction_(transaction), volume_id_(std::move(volume_id)) {}

  Result<std::optional<VolumeEntry>> find(const std::string& path);
  // What is below a directory, in the order of the paths that follow `after`.
  Result<std::vector<VolumeEntry>> list(
      const std::string& directory, Depth depth, const std::string& after, std::int64_t limit);
  Result<void> each(const std::function<void(VolumeEntry)>& visit);  // in the order of their paths
  // Over what is there; missing directories above are made, and files in their place give way.
  Result<void> put(const VolumeEntry& entry);
  Result<void> remove(const std::string& path);  // with everything below; nothing when it doesn't exist
  Result<std::int64_t> count();

  Result<std::int64_t> revision();
  // ResourceExhausted when there are more than kMaxEntries.
  Result<void> bump_revision();

  // SHA-256 of every file of every volume.
  static Result<void> each_content(Transaction& transaction, const std::function<void(const std::string&)>& visit);

 private:
  Result<void> make_parents(const VolumeEntry& entry);
  Result<void> insert(const VolumeEntry& entry);

  Transaction& transaction_;
  const std::string volume_id_;
};

// The directory of a normal path; "" for the root's entries.
std::string parent_of(const std::string& path);

}  // namespace bimodal::store

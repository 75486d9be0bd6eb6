// What a container changed in a volume: its overlay's upper directory, read while the container may go on writing.
//
// Everything in that directory is user code's: names are opened one by one and never through a symbolic link, only
// regular files are read, and their content is copied into the blobs, never linked. Thread-safe; scan() blocks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/blobs.h"
#include "store/volume_table.h"

namespace bimodal::control {

// Tells whether an entry changed between two looks.
struct Signature {
  std::uint64_t inode = 0, size = 0, mode = 0;
  std::int64_t changed_ns = 0;  // 0 for directories, whose time tells of what is in them
  bool opaque = false;
  bool operator==(const Signature&) const = default;
};
using Signatures = std::map<std::string, Signature>;  // by path

struct VolumeChanges {
  std::vector<std::string> removed;     // with everything below
  std::vector<std::string> emptied;     // directories that were made anew
  std::vector<store::VolumeEntry> put;  // parents before children
  Signatures seen;                      // of everything that is there
  std::size_t left_out = 0;             // whose names aren't UTF-8, or which lie too deep
  bool any() const { return !removed.empty() || !emptied.empty() || !put.empty(); }
};

// What differs from `committed`. Nothing, when the directory doesn't exist. ResourceExhausted when the disk is full or
// there are more entries than a volume may have.
Result<VolumeChanges> scan_changes(
    store::Blobs& blobs, const std::filesystem::path& upper, const Signatures& committed);

// Writes them to the volume, below `prefix`: of two commits of one file the later one counts. Inside a transaction.
Result<void> apply_changes(
    store::Transaction& transaction, const std::string& volume_id, const std::string& prefix,
    const VolumeChanges& changes);

}  // namespace bimodal::control

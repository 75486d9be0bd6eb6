// Committed states of volumes as directories, for containers to mount: <home>/volumes/<volume>/<revision>. Files are
// hard links of blobs where their mode allows it. Nobody may write there.
//
// Loop-bound, but for the end of a tree, which may happen on any thread. A tree exists as long as someone holds it; the
// newest of each volume is kept for the next container.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "control/context.h"
#include "runtime/volume.h"
#include "store/volume_table.h"

namespace bimodal::control {

class VolumeTrees {
 public:
  explicit VolumeTrees(Context& context);  // removes what an earlier run left and no daemon uses

  // NotFound names the volume; InvalidArgument when `sub_path` (normal) is no directory. One that doesn't exist is
  // made. The same pointer as long as nothing was committed.
  Task<Result<runtime::Volume::Tree>> newest(std::string volume_id, std::string sub_path);

 private:
  struct Tree;
  struct Kept {
    std::shared_ptr<Tree> tree;
    std::map<std::string, std::weak_ptr<const std::filesystem::path>> handles;  // by sub_path
  };

  Context& context_;
  std::map<std::string, Kept> kept_;  // by volume: one each
};

// Fills the fresh directory `root` with the entries, in the order of their paths. Blocks. DataLoss when an entry has no
// directory above it or its blob is gone.
Result<void> make_volume_tree(
    const store::Blobs& blobs, const std::vector<store::VolumeEntry>& entries, const std::filesystem::path& root);

}  // namespace bimodal::control

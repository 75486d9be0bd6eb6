// A volume as a container needs it, for runtime; implemented by control. One object for each mount of each container.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/result.h"

namespace bimodal::runtime {

class Volume {
 public:
  // A directory with committed files, which nobody may change; it exists as long as the pointer.
  using Tree = std::shared_ptr<const std::filesystem::path>;

  virtual ~Volume() = default;
  virtual const std::string& volume_id() const = 0;
  // What is committed by now; the same pointer as long as nothing new is. NotFound when the volume was deleted.
  virtual Task<Result<Tree>> newest() = 0;
  // Takes the changes in the upper directory that no earlier commit took into the volume. True when there were some.
  // The container may go on writing meanwhile. Commits wait for each other.
  virtual Task<Result<bool>> commit(std::filesystem::path upper) = 0;
  // Removes an upper directory that isn't mounted any more, and what is known of it.
  virtual Task<void> forget(std::filesystem::path upper) = 0;
};

struct PlannedVolume {
  std::shared_ptr<Volume> volume;
  Volume::Tree tree;   // that it starts with
  std::string target;  // absolute and normal, inside
  bool read_only = false;
  bool background_commits = false;
};

}  // namespace bimodal::runtime

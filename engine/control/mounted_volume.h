// One volume in one container: gives it committed states, and takes what it changed. Loop-bound.
#pragma once

#include <map>
#include <string>

#include "control/context.h"
#include "control/turn.h"
#include "control/volume_changes.h"
#include "control/volume_trees.h"
#include "runtime/volume.h"

namespace bimodal::control {

class MountedVolume : public runtime::Volume {
 public:
  // `sub_path` is normal, "" for the whole volume. `trees` outlives every container.
  MountedVolume(Context& context, VolumeTrees& trees, std::string volume_id, std::string sub_path)
      : context_(context),
        trees_(trees),
        volume_id_(std::move(volume_id)),
        sub_path_(std::move(sub_path)),
        turn_(context.executor) {}

  const std::string& volume_id() const override { return volume_id_; }
  Task<Result<Tree>> newest() override { return trees_.newest(volume_id_, sub_path_); }
  Task<Result<bool>> commit(std::filesystem::path upper) override;
  Task<void> forget(std::filesystem::path upper) override;

 private:
  Context& context_;
  VolumeTrees& trees_;
  const std::string volume_id_, sub_path_;
  Turn turn_;
  std::map<std::filesystem::path, Signatures> committed_;  // by upper directory
};

}  // namespace bimodal::control

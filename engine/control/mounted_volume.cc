#include "control/mounted_volume.h"

#include "base/log.h"

namespace bimodal::control {

Task<Result<bool>> MountedVolume::commit(std::filesystem::path upper) {
  auto turn = co_await turn_.take();
  auto work = [this, upper]() -> Result<VolumeChanges> {
    static const Signatures kNone;
    auto known = committed_.find(upper);  // nobody else touches it: it is our turn
    TRY(VolumeChanges changes, scan_changes(context_.blobs, upper, known == committed_.end() ? kNone : known->second));
    if (!changes.any()) return changes;
    TRY_VOID(context_.database.transact(
        [&](store::Transaction& transaction) { return apply_changes(transaction, volume_id_, sub_path_, changes); }));
    return changes;
  };
  CO_TRY(VolumeChanges changes, co_await context_.pool.run(std::move(work)));
  if (changes.left_out > 0) {
    log::warning(
        "volume {}: {} files are left out: their names aren't UTF-8, or they lie too deep", volume_id_,
        changes.left_out);
  }
  const bool any = changes.any();
  committed_[upper] = std::move(changes.seen);
  co_return any;
}

Task<void> MountedVolume::forget(std::filesystem::path upper) {
  auto turn = co_await turn_.take();
  committed_.erase(upper);
  auto remove = [upper] {
    std::error_code failure;  // what stays goes with the container's directory
    std::filesystem::remove_all(upper, failure);
    std::filesystem::remove_all(upper.native() + ".work", failure);
    return true;
  };
  co_await context_.pool.run(std::move(remove));
}

}  // namespace bimodal::control

#include "control/collector.h"

#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "async/pulse.h"
#include "base/log.h"
#include "control/api.h"
#include "control/clock.h"
#include "control/mount_layer.h"
#include "image/builder.h"
#include "store/blobs.h"
#include "store/dict_table.h"
#include "store/function_table.h"
#include "store/mount_table.h"
#include "store/object_table.h"
#include "store/queue_table.h"
#include "store/volume_table.h"

namespace bimodal::control {
namespace {

namespace fs = std::filesystem;

struct Census {
  std::vector<std::string> removed_mounts;
  std::set<std::string> digests;  // of all files of the mounts that stay, and of volumes
};

Result<std::set<std::string>> mounts_in_use(store::Transaction& transaction) {
  std::set<std::string> used;
  bool readable = true;
  TRY_VOID(store::DefinitionTable(transaction).each([&](const std::string& bytes) {
    api::Function function;
    readable &= function.ParseFromString(bytes);
    used.insert(function.mount_ids().begin(), function.mount_ids().end());
  }));
  if (!readable) return error(Code::DataLoss, "a definition in the database is damaged: nothing is removed");
  return used;
}

// Forgets the mounts that nobody needs, and says what the others are made of.
Result<Census> take_census(store::Transaction& transaction, double announced_before) {
  TRY(auto used, mounts_in_use(transaction));
  store::MountTable mounts(transaction);
  TRY(auto all, mounts.list());
  Census census;
  for (const store::Mount& mount : all) {
    if (mount.name.empty() && mount.created_at < announced_before && !used.contains(mount.mount_id)) {
      TRY_VOID(mounts.remove(mount.mount_id));
      census.removed_mounts.push_back(mount.mount_id);
      continue;
    }
    api::MountGetOrCreateRequest files;
    if (!files.ParseFromString(mount.files)) return error(Code::DataLoss, "mount {} is damaged", mount.mount_id);
    for (const auto& file : files.files()) census.digests.insert(file.sha256_hex());
  }
  TRY_VOID(
      store::VolumeTable::each_content(transaction, [&](const std::string& digest) { census.digests.insert(digest); }));
  return census;
}

// A client that announces the same mount meanwhile loses nothing: the next container's start makes the layer again.
void remove_layers(const Census& census, const fs::path& layers) {
  for (const std::string& mount_id : census.removed_mounts) {
    std::error_code failure;
    fs::remove_all(mount_layer_path(layers, mount_id), failure);
    if (failure) log::warning("removing the layer of mount {}: {}", mount_id, failure.message());
  }
}

}  // namespace

Collector::Collector(Context& context) : context_(context), scope_(context.executor, "collector") {}

void Collector::start() {
  scope_.spawn(run());
  scope_.spawn(run_expiry());
}

Task<void> Collector::close() {
  co_await scope_.close();
}

Task<void> Collector::run() {
  do {
    auto collected = co_await collect();
    if (!collected) {
      log::warning("removing what no app needs: {}", collected.error().message);
    } else if (collected->mounts + collected->blobs > 0) {
      log::info("removed {} mounts and {} blobs that no app needs", collected->mounts, collected->blobs);
    }
  } while (co_await sleep_until(Deadline::after(kPause)));
}

Task<void> Collector::run_expiry() {
  do {
    auto expired = co_await expire();
    if (!expired) log::warning("removing what has expired: {}", expired.error().message);
  } while (co_await sleep_until(Deadline::after(kExpiryPause)));
}

Task<Result<void>> Collector::expire() {
  auto remove = [now = unix_now()](store::Transaction& transaction) -> Result<void> {
    TRY_VOID(store::ObjectTable(transaction).remove_expired(now));
    TRY_VOID(store::DictTable::remove_idle(transaction, now));
    TRY_VOID(store::QueueTable::remove_expired(transaction, now));
    return {};
  };
  co_return co_await context_.transact(std::move(remove));
}

Task<Result<Collected>> Collector::collect() {
  const auto since = std::chrono::system_clock::now() - kKeep;
  const double before = unix_seconds(since);
  auto forget = [before](store::Transaction& transaction) { return take_census(transaction, before); };
  CO_TRY(Census census, co_await context_.transact(std::move(forget)));
  const fs::path layers = context_.builder->layers_dir();
  const bool own_layers = layers == context_.settings.home / "layers";
  auto remove = [&blobs = context_.blobs, census = std::move(census), layers, own_layers, since] {
    if (own_layers) remove_layers(census, layers);
    return Collected{census.removed_mounts.size(), blobs.remove_unused(census.digests, since)};
  };
  co_return co_await context_.pool.run(std::move(remove));
}

}  // namespace bimodal::control

#include "control/volume_trees.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <system_error>

#include "base/directory_mark.h"
#include "base/ids.h"
#include "base/log.h"
#include "control/clock.h"
#include "control/volume_paths.h"
#include "control/volume_tree.h"
#include "store/blobs.h"

namespace bimodal::control {
namespace {

namespace fs = std::filesystem;

using store::EntryType;
using store::Transaction;
using store::VolumeEntry;
using store::VolumeTable;

constexpr unsigned kBlobMode = 0644;

tl::unexpected<Error> write_failure(const fs::path& path) {
  if (errno == ENOSPC || errno == EDQUOT) {
    return error(Code::ResourceExhausted, "no space left on the server's disk to mount the volume: free some there");
  }
  return errno_error(errno, "make " + path.string());
}

Result<void> place_file(const store::Blobs& blobs, const VolumeEntry& entry, const fs::path& target) {
  if (!blobs.contains(entry.content)) {
    return error(Code::DataLoss, "volume: the content of '{}' is gone from the server's blobs", entry.path);
  }
  const fs::path source = blobs.path_of(entry.content);
  if (entry.mode == kBlobMode && ::link(source.c_str(), target.c_str()) == 0) return {};
  std::error_code failure;  // EMLINK, or another mode: a link would change it for all
  fs::copy_file(source, target, failure);
  if (failure) {
    errno = failure.value();
    return write_failure(target);
  }
  if (::chmod(target.c_str(), entry.mode) != 0) return write_failure(target);
  const timespec times[2] = {{.tv_sec = entry.mtime, .tv_nsec = 0}, {.tv_sec = entry.mtime, .tv_nsec = 0}};
  ::utimensat(AT_FDCWD, target.c_str(), times, AT_SYMLINK_NOFOLLOW);
  return {};
}

Result<void> place(const store::Blobs& blobs, const VolumeEntry& entry, const fs::path& target) {
  switch (entry.type) {
    case EntryType::Directory:
      if (::mkdir(target.c_str(), 0700) != 0 || ::chmod(target.c_str(), entry.mode) != 0) return write_failure(target);
      return {};
    case EntryType::Symlink:
      if (::symlink(entry.content.c_str(), target.c_str()) != 0) return write_failure(target);
      return {};
    case EntryType::File:
      return place_file(blobs, entry, target);
  }
  return {};
}

struct Snapshot {
  std::int64_t revision = 0;
  std::vector<VolumeEntry> entries;  // none when the caller has that revision
};

Result<void> make_sub_path(VolumeTable& volume, const std::string& sub_path) {
  if (sub_path.empty()) return {};
  TRY(auto entry, volume.find(sub_path));
  if (entry && entry->type == EntryType::Directory) return {};
  if (entry) return error(Code::InvalidArgument, "sub_path='{}' is a file of the volume, no directory", sub_path);
  const auto now = static_cast<std::int64_t>(unix_now());
  for (std::string above = store::parent_of(sub_path); !above.empty(); above = store::parent_of(above)) {
    TRY(auto standing, volume.find(above));
    if (!standing || standing->type == EntryType::Directory) continue;
    return error(Code::InvalidArgument, "sub_path='{}' lies below '{}', a file of the volume", sub_path, above);
  }
  TRY_VOID(volume.put({.path = sub_path, .type = EntryType::Directory, .mode = 0755, .mtime = now}));
  return volume.bump_revision();
}

Result<Snapshot> take_snapshot(
    Transaction& transaction, const std::string& volume_id, const std::string& sub_path, std::int64_t known) {
  TRY(VolumeTable volume, open_volume(transaction, volume_id));
  TRY_VOID(make_sub_path(volume, sub_path));
  Snapshot snapshot;
  TRY(snapshot.revision, volume.revision());
  if (snapshot.revision == known) return snapshot;
  TRY_VOID(volume.each([&](VolumeEntry entry) { snapshot.entries.push_back(std::move(entry)); }));
  return snapshot;
}

void remove_tree(const fs::path& directory) {
  std::error_code failure;
  fs::remove_all(directory, failure);
  if (failure) log::warning("remove {}: {}", directory.string(), failure.message());
}

}  // namespace

// One revision on disk.
struct VolumeTrees::Tree {
  Tree(fs::path root, std::int64_t revision) : root(std::move(root)), revision(revision) {}
  ~Tree() { remove_tree(root); }
  const fs::path root;
  const std::int64_t revision;
  UniqueFd mark;
};

Result<void> make_volume_tree(
    const store::Blobs& blobs, const std::vector<VolumeEntry>& entries, const fs::path& root) {
  std::error_code failure;
  fs::create_directories(root.parent_path(), failure);
  if (failure) return errno_error(failure.value(), "make " + root.parent_path().string());
  if (::mkdir(root.c_str(), 0755) != 0 || ::chmod(root.c_str(), 0755) != 0) return write_failure(root);
  // No path leads through anything but a directory that was made here.
  std::set<std::string> directories = {""};
  for (const VolumeEntry& entry : entries) {
    TRY(std::string path, volume_file_path(entry.path));
    if (path != entry.path || !directories.contains(store::parent_of(path))) {
      return error(Code::DataLoss, "volume: the entry '{}' has no directory", entry.path);
    }
    TRY_VOID(place(blobs, entry, root / path));
    if (entry.type == EntryType::Directory) directories.insert(path);
  }
  return {};
}

VolumeTrees::VolumeTrees(Context& context) : context_(context) {
  const fs::path volumes = context.settings.home / "volumes";
  std::error_code missing;
  for (const auto& volume : fs::directory_iterator(volumes, missing)) {
    remove_unmarked(volume.path());
    std::error_code in_use;
    fs::remove(volume.path(), in_use);
  }
}

Task<Result<runtime::Volume::Tree>> VolumeTrees::newest(std::string volume_id, std::string sub_path) {
  std::shared_ptr<Tree> known = kept_[volume_id].tree;
  auto load = [this, volume_id, sub_path, known]() -> Result<std::shared_ptr<Tree>> {
    const std::int64_t revision = known ? known->revision : -1;
    TRY(Snapshot snapshot, context_.database.transact([&](Transaction& transaction) {
      return take_snapshot(transaction, volume_id, sub_path, revision);
    }));
    if (snapshot.revision == revision) return known;
    // A name of its own, because two may be made at once.
    const std::string name = fmt::format("{}-{}", snapshot.revision, random_text(8));
    auto tree = std::make_shared<Tree>(context_.settings.home / "volumes" / volume_id / name, snapshot.revision);
    TRY_VOID(make_volume_tree(context_.blobs, snapshot.entries, tree->root));
    TRY(tree->mark, mark_directory(tree->root));
    return tree;
  };
  auto loaded = co_await context_.pool.run(std::move(load));
  if (!loaded) {
    if (loaded.error().code == Code::NotFound) kept_.erase(volume_id);
    co_return tl::unexpected<Error>(loaded.error());
  }
  Kept& kept = kept_[volume_id];
  std::shared_ptr<Tree> tree = *std::move(loaded);
  if (kept.tree && kept.tree->revision >= tree->revision) tree = kept.tree;  // another caller was faster
  if (kept.tree != tree) kept = Kept{tree, {}};
  auto handle = kept.handles[sub_path].lock();
  if (!handle) {
    const auto* path = new fs::path(sub_path.empty() ? tree->root : tree->root / sub_path);
    handle = runtime::Volume::Tree(path, [tree](const fs::path* owned) { delete owned; });
    kept.handles[sub_path] = handle;
  }
  co_return handle;
}

}  // namespace bimodal::control

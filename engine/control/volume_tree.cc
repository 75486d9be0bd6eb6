#include "control/volume_tree.h"

#include "control/clock.h"
#include "control/named_objects.h"
#include "control/volume_paths.h"

namespace bimodal::control {
namespace {

using store::EntryType;
using store::Transaction;
using store::VolumeEntry;
using store::VolumeTable;

tl::unexpected<Error> no_such_file(const std::string& path) {
  return error(Code::NotFound, "No file or directory '{}' in the volume", path);
}

Result<void> check_place(VolumeTable& volume, const VolumeEntry& entry, Overwrite overwrite) {
  TRY(auto standing, volume.find(entry.path));
  const bool onto_directory = standing && standing->type == EntryType::Directory;
  if (onto_directory && entry.type != EntryType::Directory) {
    return error(Code::InvalidArgument, "'{}' is a directory of the volume; remove it first", entry.path);
  }
  if (standing && !onto_directory && overwrite == Overwrite::No) {
    return error(Code::AlreadyExists, "File '{}' exists in the volume; force=True or --force replaces it", entry.path);
  }
  for (std::string above = store::parent_of(entry.path); !above.empty(); above = store::parent_of(above)) {
    TRY(auto parent, volume.find(above));
    if (!parent) continue;
    if (parent->type == EntryType::Directory) return {};
    return error(Code::InvalidArgument, "'{}' lies below '{}', which is a file of the volume", entry.path, above);
  }
  return {};
}

Result<void> put_checked(VolumeTable& volume, const VolumeEntry& entry, Overwrite overwrite) {
  TRY_VOID(check_place(volume, entry, overwrite));
  return volume.put(entry);
}

Result<void> copy_below(VolumeTable& volume, const std::string& source, const std::string& target) {
  const std::int64_t all = VolumeTable::kMaxEntries + 1;
  TRY(auto below, volume.list(source, store::Depth::Descendants, "", all));
  for (VolumeEntry& entry : below) {
    const std::size_t skipped = source.empty() ? 0 : source.size() + 1;
    entry.path = joined_path(target, entry.path.substr(skipped));
    TRY_VOID(put_checked(volume, entry, Overwrite::Yes));
  }
  return {};
}

bool lies_within(const std::string& path, const std::string& directory) {
  return directory.empty() || path == directory || path.starts_with(directory + "/");
}

Result<void> copy_one(VolumeTable& volume, const std::string& source, std::string target, bool recursive) {
  TRY(auto from, volume.find(source));
  if (!from && !source.empty()) return no_such_file(source);
  TRY(auto onto, volume.find(target));
  if (target.empty() || (onto && onto->type == EntryType::Directory)) target = joined_path(target, name_in(source));
  const bool directory = !from || from->type == EntryType::Directory;
  if (directory && !recursive) {
    return error(Code::InvalidArgument, "'{}' is a directory: recursive=True or -r copies it", source);
  }
  if (directory && lies_within(target, source)) {
    return error(Code::InvalidArgument, "'{}' can't be copied into itself ('{}')", source, target);
  }
  if (target == source) return {};
  VolumeEntry copy = *from;  // the root lies around every target
  copy.path = target;
  copy.mtime = static_cast<std::int64_t>(unix_now());
  TRY_VOID(put_checked(volume, copy, Overwrite::Yes));
  return directory ? copy_below(volume, source, target) : Result<void>();
}

}  // namespace

Result<VolumeTable> open_volume(Transaction& transaction, const std::string& volume_id) {
  TRY_VOID(require_object(transaction, kVolume, volume_id));
  return VolumeTable(transaction, volume_id);
}

Result<void> put_entries(
    Transaction& transaction, const std::string& volume_id, const std::vector<VolumeEntry>& entries,
    Overwrite overwrite) {
  TRY(VolumeTable volume, open_volume(transaction, volume_id));
  for (const VolumeEntry& entry : entries) TRY_VOID(put_checked(volume, entry, overwrite));
  return volume.bump_revision();
}

Result<void> remove_entry(
    Transaction& transaction, const std::string& volume_id, const std::string& path, bool recursive) {
  TRY(VolumeTable volume, open_volume(transaction, volume_id));
  TRY(auto entry, volume.find(path));
  if (!entry && !path.empty()) return no_such_file(path);
  if (!recursive && (!entry || entry->type == EntryType::Directory)) {
    TRY(auto inside, volume.list(path, store::Depth::Children, "", 1));
    if (!entry || !inside.empty()) {
      return error(Code::InvalidArgument, "'{}' is a directory: recursive=True or -r removes it", path);
    }
  }
  TRY_VOID(volume.remove(path));
  return volume.bump_revision();
}

Result<void> copy_entries(
    Transaction& transaction, const std::string& volume_id, const std::vector<std::string>& sources,
    const std::string& target, bool recursive) {
  TRY(VolumeTable volume, open_volume(transaction, volume_id));
  TRY(auto onto, volume.find(target));
  const bool into_directory = target.empty() || (onto && onto->type == EntryType::Directory);
  if (sources.size() > 1 && !into_directory) {
    return error(Code::InvalidArgument, "'{}' is no directory: several files can't be copied there", target);
  }
  for (const std::string& source : sources) TRY_VOID(copy_one(volume, source, target, recursive));
  return volume.bump_revision();
}

}  // namespace bimodal::control

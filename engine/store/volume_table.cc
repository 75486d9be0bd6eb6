#include "store/volume_table.h"

namespace bimodal::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT path, type, mode, mtime, size, content FROM volume_entries WHERE volume_id = ? ";

VolumeEntry entry_of(const Row& row) {
  return {
      row.text(0),
      static_cast<EntryType>(row.integer(1)),
      static_cast<unsigned>(row.integer(2)),
      row.integer(3),
      row.integer(4),
      row.text(5)};
}

// What sorts behind everything below `directory`: '0' follows '/'.
std::string end_of(const std::string& directory) {
  return directory + "0";
}

}  // namespace

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

Result<std::optional<VolumeEntry>> VolumeTable::find(const std::string& path) {
  std::optional<VolumeEntry> found;
  TRY_VOID(transaction_.query(
      std::string(kSelect) + "AND path = ?", {volume_id_, path}, [&](const Row& row) { found = entry_of(row); }));
  return found;
}

Result<std::vector<VolumeEntry>> VolumeTable::list(
    const std::string& directory, Depth depth, const std::string& after, std::int64_t limit) {
  std::vector<VolumeEntry> found;
  auto keep = [&](const Row& row) { found.push_back(entry_of(row)); };
  if (depth == Depth::Children) {
    TRY_VOID(transaction_.query(
        std::string(kSelect) + "AND parent = ? AND path > ? ORDER BY path LIMIT ?",
        {volume_id_, directory, after, limit}, keep));
  } else if (directory.empty()) {
    TRY_VOID(transaction_.query(
        std::string(kSelect) + "AND path > ? ORDER BY path LIMIT ?", {volume_id_, after, limit}, keep));
  } else {
    const std::string from = after.empty() ? directory + "/" : after;
    TRY_VOID(transaction_.query(
        std::string(kSelect) + "AND path > ? AND path < ? ORDER BY path LIMIT ?",
        {volume_id_, from, end_of(directory), limit}, keep));
  }
  return found;
}

Result<void> VolumeTable::each(const std::function<void(VolumeEntry)>& visit) {
  return transaction_.query(
      std::string(kSelect) + "ORDER BY path", {volume_id_}, [&](const Row& row) { visit(entry_of(row)); });
}

Result<void> VolumeTable::insert(const VolumeEntry& entry) {
  TRY_VOID(transaction_.run(
      "INSERT OR REPLACE INTO volume_entries (volume_id, path, parent, type, mode, mtime, size, content) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      {volume_id_, entry.path, parent_of(entry.path), std::int64_t{static_cast<int>(entry.type)},
       std::int64_t{entry.mode}, entry.mtime, entry.size, entry.content}));
  return {};
}

Result<void> VolumeTable::make_parents(const VolumeEntry& entry) {
  std::vector<std::string> missing;
  for (std::string above = parent_of(entry.path); !above.empty(); above = parent_of(above)) {
    TRY(auto standing, find(above));
    if (standing && standing->type == EntryType::Directory) break;
    missing.push_back(above);
  }
  for (auto above = missing.rbegin(); above != missing.rend(); ++above) {
    TRY_VOID(insert({.path = *above, .type = EntryType::Directory, .mode = 0755, .mtime = entry.mtime}));
  }
  return {};
}

Result<void> VolumeTable::put(const VolumeEntry& entry) {
  TRY_VOID(make_parents(entry));
  if (entry.type != EntryType::Directory) TRY_VOID(remove(entry.path));
  return insert(entry);
}

Result<void> VolumeTable::remove(const std::string& path) {
  if (path.empty()) {
    TRY_VOID(transaction_.run("DELETE FROM volume_entries WHERE volume_id = ?", {volume_id_}));
    return {};
  }
  TRY_VOID(transaction_.run("DELETE FROM volume_entries WHERE volume_id = ? AND path = ?", {volume_id_, path}));
  TRY_VOID(transaction_.run(
      "DELETE FROM volume_entries WHERE volume_id = ? AND path > ? AND path < ?",
      {volume_id_, path + "/", end_of(path)}));
  return {};
}

Result<std::int64_t> VolumeTable::count() {
  std::int64_t count = 0;
  TRY_VOID(transaction_.query(
      "SELECT count(*) FROM volume_entries WHERE volume_id = ?", {volume_id_},
      [&](const Row& row) { count = row.integer(0); }));
  return count;
}

Result<std::int64_t> VolumeTable::revision() {
  std::int64_t revision = 0;
  TRY_VOID(transaction_.query("SELECT revision FROM objects WHERE object_id = ?", {volume_id_}, [&](const Row& row) {
    revision = row.integer(0);
  }));
  return revision;
}

Result<void> VolumeTable::bump_revision() {
  TRY(std::int64_t entries, count());
  if (entries > kMaxEntries) {
    return error(
        Code::ResourceExhausted, "Volume {} would hold {} files and directories, more than {}", volume_id_, entries,
        kMaxEntries);
  }
  TRY_VOID(transaction_.run("UPDATE objects SET revision = revision + 1 WHERE object_id = ?", {volume_id_}));
  return {};
}

Result<void> VolumeTable::each_content(Transaction& transaction, const std::function<void(const std::string&)>& visit) {
  return transaction.query(
      "SELECT DISTINCT content FROM volume_entries WHERE type = 1", {}, [&](const Row& row) { visit(row.text(0)); });
}

}  // namespace bimodal::store

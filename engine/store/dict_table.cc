#include "store/dict_table.h"

namespace bimodal::store {
namespace {

constexpr double kUseGrain = 3600;  // seconds

}  // namespace

Result<void> DictTable::touch(const std::string& key) {
  TRY_VOID(transaction_.run(
      "UPDATE dict_entries SET used_at = ? WHERE dict_id = ? AND key = ? AND used_at < ?",
      {now_, dict_id_, Blob{key}, now_ - kUseGrain}));
  return {};
}

Result<std::optional<std::string>> DictTable::get(const std::string& key) {
  std::optional<std::string> value;
  TRY_VOID(transaction_.query(
      "SELECT value FROM dict_entries WHERE dict_id = ? AND key = ? AND used_at > ?",
      {dict_id_, Blob{key}, now_ - kIdle}, [&](const Row& row) { value = row.text(0); }));
  if (value) TRY_VOID(touch(key));
  return value;
}

Result<bool> DictTable::contains(const std::string& key) {
  bool found = false;
  TRY_VOID(transaction_.query(
      "SELECT 1 FROM dict_entries WHERE dict_id = ? AND key = ? AND used_at > ?", {dict_id_, Blob{key}, now_ - kIdle},
      [&](const Row&) { found = true; }));
  if (found) TRY_VOID(touch(key));
  return found;
}

Result<std::int64_t> DictTable::size(std::int64_t at_most) {
  std::int64_t size = 0;
  TRY_VOID(transaction_.query(
      "SELECT count(*) FROM (SELECT 1 FROM dict_entries WHERE dict_id = ? AND used_at > ? LIMIT ?)",
      {dict_id_, now_ - kIdle, at_most}, [&](const Row& row) { size = row.integer(0); }));
  return size;
}

Result<void> DictTable::put(const DictEntry& entry) {
  TRY_VOID(transaction_.run(
      "INSERT INTO dict_entries (dict_id, key, value, used_at) VALUES (?, ?, ?, ?) "
      "ON CONFLICT (dict_id, key) DO UPDATE SET value = excluded.value, used_at = excluded.used_at",
      {dict_id_, Blob{entry.key}, Blob{entry.value}, now_}));
  return {};
}

Result<bool> DictTable::put_new(const DictEntry& entry) {
  TRY(bool taken, contains(entry.key));
  if (taken) return false;
  TRY_VOID(put(entry));
  return true;
}

Result<std::optional<std::string>> DictTable::pop(const std::string& key) {
  TRY(auto value, get(key));
  if (value) {
    TRY_VOID(transaction_.run("DELETE FROM dict_entries WHERE dict_id = ? AND key = ?", {dict_id_, Blob{key}}));
  }
  return value;
}

Result<void> DictTable::clear() {
  TRY_VOID(transaction_.run("DELETE FROM dict_entries WHERE dict_id = ?", {dict_id_}));
  return {};
}

Result<std::vector<DictEntry>> DictTable::page(
    const std::optional<std::string>& after, int max_entries, std::int64_t max_bytes) {
  const std::string from = after.value_or("");
  const std::int64_t inclusive = after ? 0 : 1;  // the empty key is one, too
  std::int64_t entries = 0, bytes = 0;
  bool full = false;
  TRY_VOID(transaction_.query(
      "SELECT length(key) + length(value) FROM dict_entries "
      "WHERE dict_id = ? AND (key > ? OR ?) AND used_at > ? ORDER BY key LIMIT ?",
      {dict_id_, Blob{from}, inclusive, now_ - kIdle, std::int64_t{max_entries}}, [&](const Row& row) {
        bytes += row.integer(0);
        full = full || (entries > 0 && bytes > max_bytes);
        if (!full) ++entries;
      }));
  std::vector<DictEntry> page;
  TRY_VOID(transaction_.query(
      "SELECT key, value FROM dict_entries "
      "WHERE dict_id = ? AND (key > ? OR ?) AND used_at > ? ORDER BY key LIMIT ?",
      {dict_id_, Blob{from}, inclusive, now_ - kIdle, entries},
      [&](const Row& row) { page.push_back({row.text(0), row.text(1)}); }));
  return page;
}

Result<int> DictTable::remove_idle(Transaction& transaction, double now) {
  return transaction.run("DELETE FROM dict_entries WHERE used_at <= ?", {now - kIdle});
}

}  // namespace bimodal::store

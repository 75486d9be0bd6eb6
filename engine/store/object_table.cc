#include "store/object_table.h"

namespace bimodal::store {
namespace {

Result<std::vector<Object>> select(Transaction& transaction, std::string_view where, std::vector<Value> values) {
  std::vector<Object> found;
  const std::string sql =
      std::string("SELECT object_id, kind, environment_id, name, version, created_at, expires_at FROM objects ")
          .append(where);
  TRY_VOID(transaction.query(sql, std::move(values), [&](const Row& row) {
    found.push_back(
        {row.text(0), row.text(1), row.text(2), row.text(3), static_cast<int>(row.integer(4)), row.real(5),
         row.real(6)});
  }));
  return found;
}

Result<std::optional<Object>> first(Transaction& transaction, std::string_view where, std::vector<Value> values) {
  TRY(auto found, select(transaction, where, std::move(values)));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

}  // namespace

Result<void> ObjectTable::insert(const Object& object) {
  TRY_VOID(transaction_.run(
      "INSERT INTO objects (object_id, kind, environment_id, name, version, created_at, expires_at) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)",
      {object.object_id, object.kind, object.environment_id, object.name, std::int64_t{object.version},
       object.created_at, object.expires_at}));
  return {};
}

Result<std::optional<Object>> ObjectTable::find(const std::string& kind, const std::string& object_id, double now) {
  return first(
      transaction_, "WHERE object_id = ? AND kind = ? AND (expires_at = 0 OR expires_at > ?)", {object_id, kind, now});
}

Result<std::optional<Object>> ObjectTable::find_named(
    const std::string& kind, const std::string& environment_id, const std::string& name) {
  return first(
      transaction_, "WHERE environment_id = ? AND kind = ? AND name = ? AND name <> ''", {environment_id, kind, name});
}

Result<std::vector<Object>> ObjectTable::list(
    const std::string& kind, const std::string& environment_id, double created_before, int limit) {
  return select(
      transaction_,
      "WHERE environment_id = ? AND kind = ? AND name <> '' AND created_at < ? "
      "ORDER BY created_at DESC, rowid DESC LIMIT ?",
      {environment_id, kind, created_before, std::int64_t{limit}});
}

Result<std::vector<Object>> ObjectTable::list_all(const std::string& kind) {
  return select(transaction_, "WHERE kind = ?", {kind});
}

Result<void> ObjectTable::rename(const std::string& object_id, const std::string& name) {
  TRY_VOID(transaction_.run("UPDATE objects SET name = ? WHERE object_id = ?", {name, object_id}));
  return {};
}

Result<void> ObjectTable::set_expiry(const std::string& object_id, double expires_at) {
  TRY_VOID(transaction_.run("UPDATE objects SET expires_at = ? WHERE object_id = ?", {expires_at, object_id}));
  return {};
}

Result<void> ObjectTable::remove(const std::string& object_id) {
  TRY_VOID(transaction_.run("DELETE FROM objects WHERE object_id = ?", {object_id}));
  return {};
}

Result<int> ObjectTable::remove_expired(double now) {
  return transaction_.run("DELETE FROM objects WHERE expires_at > 0 AND expires_at <= ?", {now});
}

}  // namespace bimodal::store

#include "store/environment_table.h"

namespace bimodal::store {
namespace {

Result<std::vector<Environment>> select(Transaction& transaction, std::string_view where, std::vector<Value> values) {
  std::vector<Environment> found;
  const std::string sql =
      std::string("SELECT environment_id, name, web_suffix, is_default, created_at FROM environments ").append(where);
  TRY_VOID(transaction.query(sql, std::move(values), [&](const Row& row) {
    found.push_back({row.text(0), row.text(1), row.text(2), row.integer(3) != 0, row.real(4)});
  }));
  return found;
}

// What breaks a unique index, in the user's words.
Error taken(const Environment& environment, Error error) {
  if (error.code == Code::AlreadyExists) {
    error.message = fmt::format(
        "There is an environment '{}' or one with web suffix '{}' already", environment.name, environment.web_suffix);
  }
  return error;
}

}  // namespace

Result<void> EnvironmentTable::insert(const Environment& environment) {
  auto inserted = transaction_.run(
      "INSERT INTO environments (environment_id, name, web_suffix, is_default, created_at) VALUES (?, ?, ?, ?, ?)",
      {environment.environment_id, environment.name, environment.web_suffix, std::int64_t{environment.is_default},
       environment.created_at});
  if (!inserted) return tl::unexpected(taken(environment, inserted.error()));
  return {};
}

Result<std::optional<Environment>> EnvironmentTable::find(const std::string& name) {
  TRY(auto found,
      name.empty() ? select(transaction_, "WHERE is_default = 1", {}) : select(transaction_, "WHERE name = ?", {name}));
  if (found.empty()) return std::nullopt;
  return found.front();
}

Result<Environment> EnvironmentTable::resolve(const std::string& name) {
  TRY(auto found, find(name));
  if (!found) {
    return error(Code::NotFound, "Environment '{}' not found; `bimodal environment list` shows those there are", name);
  }
  return *std::move(found);
}

Result<Environment> EnvironmentTable::get(const std::string& environment_id) {
  TRY(auto found, select(transaction_, "WHERE environment_id = ?", {environment_id}));
  if (found.empty()) return error(Code::NotFound, "Environment {} not found; it was deleted", environment_id);
  return std::move(found.front());
}

Result<std::vector<Environment>> EnvironmentTable::list() {
  return select(transaction_, "ORDER BY created_at, rowid", {});
}

Result<void> EnvironmentTable::update(const Environment& environment) {
  auto updated = transaction_.run(
      "UPDATE environments SET name = ?, web_suffix = ? WHERE environment_id = ?",
      {environment.name, environment.web_suffix, environment.environment_id});
  if (!updated) return tl::unexpected(taken(environment, updated.error()));
  return {};
}

Result<void> EnvironmentTable::make_default(const std::string& environment_id) {
  TRY_VOID(transaction_.run("UPDATE environments SET is_default = (environment_id = ?)", {environment_id}));
  return {};
}

Result<void> EnvironmentTable::remove(const std::string& environment_id) {
  // Layouts first: they hold definitions, which the deletion of apps takes away.
  TRY_VOID(transaction_.run(
      "DELETE FROM deployments WHERE app_id IN (SELECT app_id FROM apps WHERE environment_id = ?)", {environment_id}));
  TRY_VOID(transaction_.run("DELETE FROM secrets WHERE environment_id = ?", {environment_id}));
  TRY_VOID(transaction_.run("DELETE FROM apps WHERE environment_id = ?", {environment_id}));
  TRY_VOID(transaction_.run("DELETE FROM environments WHERE environment_id = ?", {environment_id}));
  return {};
}

}  // namespace bimodal::store

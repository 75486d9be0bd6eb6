#include "store/app_table.h"

namespace bimodal::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT app_id, environment_id, e.name, description, a.name, state, version, a.created_at, deployed_at, stopped_at "
    "FROM apps a JOIN environments e USING (environment_id) ";

App read(const Row& row) {
  App app;
  app.app_id = row.text(0);
  app.environment_id = row.text(1);
  app.environment = row.text(2);
  app.description = row.text(3);
  app.name = row.text(4);
  app.state = static_cast<AppState>(row.integer(5));
  app.version = static_cast<int>(row.integer(6));
  app.created_at = row.real(7);
  app.deployed_at = row.real(8);
  app.stopped_at = row.real(9);
  return app;
}

Result<std::vector<App>> select(Transaction& transaction, std::string_view where, std::vector<Value> values) {
  std::vector<App> apps;
  TRY_VOID(transaction.query(
      std::string(kSelect).append(where), std::move(values), [&](const Row& row) { apps.push_back(read(row)); }));
  return apps;
}

Result<std::optional<App>> first(Transaction& transaction, std::string_view where, std::vector<Value> values) {
  TRY(auto apps, select(transaction, where, std::move(values)));
  if (apps.empty()) return std::nullopt;
  return std::move(apps.front());
}

}  // namespace

Result<void> AppTable::insert(const App& app) {
  TRY_VOID(transaction_.run(
      "INSERT INTO apps (app_id, environment_id, description, name, state, version, created_at, deployed_at, "
      "stopped_at) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {app.app_id, app.environment_id, app.description, app.name, static_cast<std::int64_t>(app.state),
       std::int64_t{app.version}, app.created_at, app.deployed_at, app.stopped_at}));
  return {};
}

Result<std::optional<App>> AppTable::find(const std::string& app_id) {
  return first(transaction_, "WHERE app_id = ?", {app_id});
}

Result<std::optional<App>> AppTable::find_deployed(const std::string& environment_id, const std::string& name) {
  return first(transaction_, "WHERE environment_id = ? AND a.name = ? AND stopped_at = 0", {environment_id, name});
}

Result<std::optional<App>> AppTable::find_stopped(const std::string& environment_id, const std::string& name) {
  return first(
      transaction_,
      "WHERE environment_id = ? AND a.name = ? AND stopped_at > 0 ORDER BY stopped_at DESC, a.rowid DESC LIMIT 1",
      {environment_id, name});
}

Result<std::vector<App>> AppTable::list(const std::string& environment_id, int stopped) {
  return select(
      transaction_,
      "WHERE environment_id = ?1 AND (stopped_at = 0 OR app_id IN (SELECT app_id FROM apps WHERE environment_id = ?1 "
      "AND stopped_at > 0 ORDER BY stopped_at DESC LIMIT ?2)) ORDER BY a.created_at DESC, a.rowid DESC",
      {environment_id, std::int64_t{stopped}});
}

Result<std::vector<App>> AppTable::list_published() {
  return select(transaction_, "WHERE version > 0 ORDER BY deployed_at", {});
}

Result<void> AppTable::finish_stopping() {
  TRY_VOID(transaction_.run(
      "UPDATE apps SET state = ? WHERE state = ?",
      {static_cast<std::int64_t>(AppState::Stopped), static_cast<std::int64_t>(AppState::Stopping)}));
  return {};
}

Result<std::vector<std::string>> AppTable::forget_stopped(int kept) {
  std::vector<std::string> forgotten;
  TRY_VOID(transaction_.query(
      "SELECT app_id FROM apps WHERE stopped_at > 0 ORDER BY stopped_at DESC LIMIT -1 OFFSET ?", {std::int64_t{kept}},
      [&](const Row& row) { forgotten.push_back(row.text(0)); }));
  for (const std::string& app_id : forgotten) {
    // Layouts first: they hold definitions, which the deletion of the app takes away.
    TRY_VOID(transaction_.run("DELETE FROM deployments WHERE app_id = ?", {app_id}));
    TRY_VOID(transaction_.run("DELETE FROM apps WHERE app_id = ?", {app_id}));
  }
  return forgotten;
}

Result<void> AppTable::update(const App& app) {
  TRY_VOID(transaction_.run(
      "UPDATE apps SET name = ?, state = ?, version = ?, deployed_at = ?, stopped_at = ? WHERE app_id = ?",
      {app.name, static_cast<std::int64_t>(app.state), std::int64_t{app.version}, app.deployed_at, app.stopped_at,
       app.app_id}));
  return {};
}

}  // namespace bimodal::store

#include "store/deployment_table.h"

namespace bimodal::store {

Result<void> DeploymentTable::insert(const Deployment& deployment, const std::vector<LayoutEntry>& layout) {
  TRY_VOID(transaction_.run(
      "INSERT INTO deployments (app_id, version, deployed_at, deployed_by, client_version, tag, commit_info, kind, "
      "origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {deployment.app_id, std::int64_t{deployment.version}, deployment.deployed_at, deployment.deployed_by,
       deployment.client_version, deployment.tag, Blob{deployment.commit_info},
       static_cast<std::int64_t>(deployment.kind), std::int64_t{deployment.origin}}));
  for (const LayoutEntry& entry : layout) {
    const Value definition = entry.is_class() ? Value(nullptr) : Value(entry.definition_id);
    TRY_VOID(transaction_.run(
        "INSERT INTO layouts (app_id, version, tag, object_id, definition_id) VALUES (?, ?, ?, ?, ?)",
        {deployment.app_id, std::int64_t{deployment.version}, entry.tag, entry.object_id, definition}));
  }
  return {};
}

Result<std::vector<Deployment>> DeploymentTable::history(const std::string& app_id) {
  std::vector<Deployment> found;
  TRY_VOID(transaction_.query(
      "SELECT app_id, version, deployed_at, deployed_by, client_version, tag, commit_info, kind, origin "
      "FROM deployments WHERE app_id = ? ORDER BY version DESC",
      {app_id}, [&](const Row& row) {
        found.push_back(
            {row.text(0), static_cast<int>(row.integer(1)), row.real(2), row.text(3), row.text(4), row.text(5),
             row.text(6), static_cast<DeploymentKind>(row.integer(7)), static_cast<int>(row.integer(8))});
      }));
  return found;
}

Result<std::vector<LayoutEntry>> DeploymentTable::layout(const std::string& app_id, int version) {
  std::vector<LayoutEntry> found;
  TRY_VOID(transaction_.query(
      "SELECT tag, object_id, definition_id FROM layouts WHERE app_id = ? AND version = ? ORDER BY tag",
      {app_id, std::int64_t{version}},
      [&](const Row& row) { found.push_back({row.text(0), row.text(1), row.text(2)}); }));
  return found;
}

Result<void> DeploymentTable::keep_newest(const std::string& app_id, int count, int current) {
  TRY_VOID(transaction_.run(
      "DELETE FROM deployments WHERE app_id = ?1 AND version <> ?3 AND version NOT IN (SELECT version FROM deployments "
      "WHERE app_id = ?1 ORDER BY version DESC LIMIT ?2)",
      {app_id, std::int64_t{count}, std::int64_t{current}}));
  return {};
}

}  // namespace bimodal::store

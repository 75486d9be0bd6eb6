// Rows of `deployments` and `layouts`: every published version of an app, and what it consists of.
#pragma once

#include <string>
#include <vector>

#include "store/database.h"

namespace bimodal::store {

// A function or class of a version.
struct LayoutEntry {
  std::string tag;            // "hello", "Cls.*"; "Cls" for a class
  std::string object_id;      // fu-… or cs-…
  std::string definition_id;  // "" for a class

  bool is_class() const { return definition_id.empty(); }
};

// How a version came about. Numbers as modal.client.DeploymentType.
enum class DeploymentKind { Standard = 1, Rollback = 2, Rollover = 3, Promotion = 4, Staged = 5 };

struct Deployment {
  std::string app_id;
  int version = 0;
  double deployed_at = 0;  // Unix seconds
  std::string deployed_by;
  std::string client_version;
  std::string tag;
  std::string commit_info;  // serialized modal.client.CommitInfo, "" for none
  DeploymentKind kind = DeploymentKind::Standard;
  int origin = 0;  // the version that this one repeats: of a rollback or promotion; else 0
};

class DeploymentTable {
 public:
  explicit DeploymentTable(Transaction& transaction) : transaction_(transaction) {}

  Result<void> insert(const Deployment& deployment, const std::vector<LayoutEntry>& layout);
  Result<std::vector<Deployment>> history(const std::string& app_id);  // newest first
  Result<std::vector<LayoutEntry>> layout(const std::string& app_id, int version);
  // Keeps the newest `count` versions, and `current` whatever its age.
  Result<void> keep_newest(const std::string& app_id, int count, int current);

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store

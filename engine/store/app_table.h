// Rows of `apps`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/database.h"

namespace bimodal::store {

// Numbers as modal.client.AppState.
enum class AppState {
  Ephemeral = 1,
  Detached = 2,
  Deployed = 3,
  Stopping = 4,  // serves nothing any more, its containers are going
  Stopped = 5,   // the last container is gone
  Initializing = 6,
  DetachedDisconnected = 8,
};

struct App {
  std::string app_id;
  std::string environment_id;
  std::string environment;  // its name; read only
  std::string description;
  std::string name;  // deployed name, "" for none; kept when stopped
  AppState state = AppState::Initializing;
  int version = 0;                                         // of the current layout, 0 before the first publish
  double created_at = 0, deployed_at = 0, stopped_at = 0;  // Unix seconds, 0: not yet; set when it begins to stop

  bool stopped() const { return stopped_at != 0; }
  const std::string& shown_name() const { return name.empty() ? description : name; }
};

class AppTable {
 public:
  explicit AppTable(Transaction& transaction) : transaction_(transaction) {}

  Result<void> insert(const App& app);
  Result<std::optional<App>> find(const std::string& app_id);
  // The running one of that deployed name.
  Result<std::optional<App>> find_deployed(const std::string& environment_id, const std::string& name);
  // The one of that name that was stopped last.
  Result<std::optional<App>> find_stopped(const std::string& environment_id, const std::string& name);
  // Running ones and the newest `stopped` stopped ones, newest first.
  Result<std::vector<App>> list(const std::string& environment_id, int stopped);
  // Those that were ever published, in the order of their last publish.
  Result<std::vector<App>> list_published();
  // Turns every Stopping app into a Stopped one: after a restart none has containers.
  Result<void> finish_stopping();
  // Removes all stopped apps but the `kept` that were stopped last. Returns the ids of the removed ones.
  Result<std::vector<std::string>> forget_stopped(int kept);
  // Writes name, state, version and times of the row with that app_id.
  Result<void> update(const App& app);

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store

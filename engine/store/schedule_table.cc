#include "store/schedule_table.h"

namespace bimodal::store {

Result<void> ScheduleTable::set_last_run(const std::string& function_id, double at) {
  TRY_VOID(transaction_.run(
      "INSERT INTO scheduled_runs (function_id, at) VALUES (?, ?) ON CONFLICT (function_id) DO UPDATE SET at = "
      "excluded.at",
      {function_id, at}));
  return {};
}

Result<std::map<std::string, double>> ScheduleTable::last_runs() {
  std::map<std::string, double> out;
  TRY_VOID(transaction_.query(
      "SELECT function_id, at FROM scheduled_runs", {}, [&](const Row& row) { out[row.text(0)] = row.real(1); }));
  return out;
}

}  // namespace bimodal::store

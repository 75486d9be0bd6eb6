// Rows of `scheduled_runs`: when functions with a schedule were last called for it.
#pragma once

#include <map>
#include <string>

#include "store/database.h"

namespace bimodal::store {

class ScheduleTable {
 public:
  explicit ScheduleTable(Transaction& transaction) : transaction_(transaction) {}

  // `at` in Unix seconds. Fails when there is no such function.
  Result<void> set_last_run(const std::string& function_id, double at);
  Result<std::map<std::string, double>> last_runs();  // by function id

 private:
  Transaction& transaction_;
};

}  // namespace bimodal::store

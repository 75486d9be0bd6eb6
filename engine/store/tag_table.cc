#include "store/tag_table.h"

namespace bimodal::store {

Result<void> TagTable::replace(const std::string& app_id, const Tags& tags) {
  TRY_VOID(transaction_.run("DELETE FROM app_tags WHERE app_id = ?", {app_id}));
  for (const auto& [key, value] : tags) {
    TRY_VOID(transaction_.run("INSERT INTO app_tags (app_id, key, value) VALUES (?, ?, ?)", {app_id, key, value}));
  }
  return {};
}

Result<Tags> TagTable::of(const std::string& app_id) {
  Tags tags;
  TRY_VOID(transaction_.query("SELECT key, value FROM app_tags WHERE app_id = ?", {app_id}, [&](const Row& row) {
    tags.emplace(row.text(0), row.text(1));
  }));
  return tags;
}

}  // namespace bimodal::store

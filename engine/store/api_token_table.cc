#include "store/api_token_table.h"

namespace bimodal::store {

Result<void> ApiTokenTable::insert(const ApiTokenRow& row) {
  TRY_VOID(transaction_.run(
      "INSERT INTO api_tokens (token_id, secret_hash, name, created_at, expires_at, last_used_at) "
      "VALUES (?, ?, ?, ?, ?, ?)",
      {row.token_id, row.secret_hash, row.name, row.created_at, row.expires_at, row.last_used_at}));
  return {};
}

Result<std::vector<ApiTokenRow>> ApiTokenTable::list() {
  std::vector<ApiTokenRow> rows;
  TRY_VOID(transaction_.query(
      "SELECT token_id, secret_hash, name, created_at, expires_at, last_used_at FROM api_tokens "
      "ORDER BY created_at, rowid",
      {}, [&](const Row& row) {
        rows.push_back({row.text(0), row.text(1), row.text(2), row.integer(3), row.integer(4), row.integer(5)});
      }));
  return rows;
}

Result<void> ApiTokenTable::note_use(const std::string& token_id, std::int64_t at) {
  TRY_VOID(transaction_.run("UPDATE api_tokens SET last_used_at = ? WHERE token_id = ?", {at, token_id}));
  return {};
}

Result<void> ApiTokenTable::remove(const std::string& token_id) {
  bool known = false;
  TRY_VOID(
      transaction_.query("SELECT 1 FROM api_tokens WHERE token_id = ?", {token_id}, [&](const Row&) { known = true; }));
  if (!known) {
    return error(Code::NotFound, "there is no API token '{}'; `bimodal token list` shows those there are", token_id);
  }
  TRY_VOID(transaction_.run("DELETE FROM api_tokens WHERE token_id = ?", {token_id}));
  return {};
}

Result<void> ApiTokenTable::remove_expired(std::int64_t before) {
  TRY_VOID(transaction_.run("DELETE FROM api_tokens WHERE expires_at <> 0 AND expires_at <= ?", {before}));
  return {};
}

}  // namespace bimodal::store

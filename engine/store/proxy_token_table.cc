#include "store/proxy_token_table.h"

#include <map>

namespace bimodal::store {

Result<void> ProxyTokenTable::insert(const ProxyTokenRow& row) {
  TRY_VOID(transaction_.run(
      "INSERT INTO proxy_tokens (token_id, secret_hash, scoped, name, created_at) VALUES (?, ?, ?, ?, ?)",
      {row.token.token_id, row.token.secret_hash, std::int64_t{row.token.scoped}, row.name, row.created_at}));
  return {};
}

Result<ProxyTokenRow> ProxyTokenTable::get(const std::string& token_id) {
  TRY(auto rows, list());
  for (auto& row : rows) {
    if (row.token.token_id == token_id) return std::move(row);
  }
  return error(
      Code::NotFound, "Proxy token '{}' not found; `modal workspace proxy-tokens list` shows those there are",
      token_id);
}

Result<std::vector<ProxyTokenRow>> ProxyTokenTable::list() {
  std::map<std::string, std::vector<std::string>> environments;
  TRY_VOID(transaction_.query("SELECT token_id, environment_id FROM proxy_token_environments", {}, [&](const Row& row) {
    environments[row.text(0)].push_back(row.text(1));
  }));
  std::vector<ProxyTokenRow> rows;
  TRY_VOID(transaction_.query(
      "SELECT token_id, secret_hash, scoped, name, created_at FROM proxy_tokens ORDER BY created_at, rowid", {},
      [&](const Row& row) {
        model::ProxyToken token{row.text(0), row.text(1), row.integer(2) != 0, environments[row.text(0)]};
        rows.push_back({std::move(token), row.text(3), row.real(4)});
      }));
  return rows;
}

Result<void> ProxyTokenTable::rename(const std::string& token_id, const std::string& name) {
  TRY_VOID(transaction_.run("UPDATE proxy_tokens SET name = ? WHERE token_id = ?", {name, token_id}));
  return {};
}

Result<void> ProxyTokenTable::allow(const std::string& token_id, const std::string& environment_id) {
  TRY_VOID(transaction_.run("UPDATE proxy_tokens SET scoped = 1 WHERE token_id = ?", {token_id}));
  TRY_VOID(transaction_.run(
      "INSERT INTO proxy_token_environments (token_id, environment_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
      {token_id, environment_id}));
  return {};
}

Result<void> ProxyTokenTable::disallow(const std::string& token_id, const std::string& environment_id) {
  TRY_VOID(transaction_.run(
      "DELETE FROM proxy_token_environments WHERE token_id = ? AND environment_id = ?", {token_id, environment_id}));
  return {};
}

Result<void> ProxyTokenTable::remove(const std::string& token_id) {
  TRY_VOID(transaction_.run("DELETE FROM proxy_tokens WHERE token_id = ?", {token_id}));
  return {};
}

}  // namespace bimodal::store

#include "store/secret_table.h"

namespace bimodal::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT secret_id, environment_id, name, app_id, keys, fingerprint, created_at, last_used_at FROM secrets ";

constexpr double kUseGrain = 600;  // seconds

std::string joined_keys(const Variables& variables) {
  std::string out;
  for (const auto& [name, value] : variables) out += name + "\n";
  return out;
}

std::vector<std::string> split_keys(const std::string& text) {
  std::vector<std::string> keys;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    keys.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return keys;
}

Result<std::vector<Secret>> select(Transaction& transaction, std::string_view where, std::vector<Value> values) {
  std::vector<Secret> found;
  TRY_VOID(transaction.query(std::string(kSelect).append(where), std::move(values), [&](const Row& row) {
    found.push_back(
        {row.text(0), row.text(1), row.text(2), row.text(3), split_keys(row.text(4)), row.text(5), row.real(6),
         row.real(7)});
  }));
  return found;
}

Result<std::optional<Secret>> first(Transaction& transaction, std::string_view where, std::vector<Value> values) {
  TRY(auto found, select(transaction, where, std::move(values)));
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

}  // namespace

Result<Secret> SecretTable::insert(Secret secret, const Variables& variables) {
  TRY(std::string sealed, box_.seal(variables, secret.secret_id));
  secret.fingerprint = box_.fingerprint(variables);
  const std::string keys = joined_keys(variables);
  secret.keys = split_keys(keys);
  const Value app_id = secret.app_id.empty() ? Value(nullptr) : Value(secret.app_id);
  TRY_VOID(transaction_.run(
      "INSERT INTO secrets (secret_id, environment_id, name, app_id, keys, sealed, fingerprint, created_at, "
      "last_used_at) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
      {secret.secret_id, secret.environment_id, secret.name, app_id, keys, Blob{std::move(sealed)}, secret.fingerprint,
       secret.created_at}));
  return secret;
}

Result<void> SecretTable::replace(const std::string& secret_id, const Variables& variables) {
  TRY(std::string sealed, box_.seal(variables, secret_id));
  TRY_VOID(transaction_.run(
      "UPDATE secrets SET keys = ?, sealed = ?, fingerprint = ? WHERE secret_id = ?",
      {joined_keys(variables), Blob{std::move(sealed)}, box_.fingerprint(variables), secret_id}));
  return {};
}

Result<void> SecretTable::remove(const std::string& secret_id) {
  TRY_VOID(transaction_.run("DELETE FROM secrets WHERE secret_id = ?", {secret_id}));
  return {};
}

Result<std::optional<Secret>> SecretTable::find(const std::string& secret_id) {
  return first(transaction_, "WHERE secret_id = ?", {secret_id});
}

Result<std::optional<Secret>> SecretTable::find_named(const std::string& environment_id, const std::string& name) {
  return first(transaction_, "WHERE environment_id = ? AND name = ?", {environment_id, name});
}

Result<std::optional<Secret>> SecretTable::find_anonymous(
    const std::string& environment_id, const std::string& app_id, const Variables& variables) {
  return first(
      transaction_, "WHERE name = '' AND environment_id = ? AND ifnull(app_id, '') = ? AND fingerprint = ?",
      {environment_id, app_id, box_.fingerprint(variables)});
}

Result<std::vector<Secret>> SecretTable::list(const std::string& environment_id, double created_before, int limit) {
  return select(
      transaction_,
      "WHERE environment_id = ? AND name <> '' AND created_at < ? ORDER BY created_at DESC, rowid DESC LIMIT ?",
      {environment_id, created_before, std::int64_t{limit}});
}

Result<Variables> SecretTable::variables(const std::string& secret_id) {
  std::optional<std::string> sealed;
  TRY_VOID(transaction_.query(
      "SELECT sealed FROM secrets WHERE secret_id = ?", {secret_id}, [&](const Row& row) { sealed = row.text(0); }));
  if (!sealed) return error(Code::NotFound, "Secret {} not found; it was deleted", secret_id);
  return box_.open_sealed(*sealed, secret_id);
}

Result<void> SecretTable::mark_used(const std::string& secret_id, double at) {
  TRY_VOID(transaction_.run(
      "UPDATE secrets SET last_used_at = ? WHERE secret_id = ? AND last_used_at < ?", {at, secret_id, at - kUseGrain}));
  return {};
}

}  // namespace bimodal::store

#include "store/function_table.h"

namespace bimodal::store {
namespace {

Result<std::optional<Function>> first_function(
    Transaction& transaction, std::string_view where, std::vector<Value> values) {
  std::optional<Function> found;
  const std::string sql = std::string("SELECT function_id, app_id, tag, autoscaler FROM functions ").append(where);
  TRY_VOID(transaction.query(sql, std::move(values), [&](const Row& row) {
    found = Function{row.text(0), row.text(1), row.text(2), row.text(3)};
  }));
  return found;
}

Result<std::optional<Definition>> first_definition(
    Transaction& transaction, std::string_view where, const std::string& value) {
  std::optional<Definition> found;
  const std::string sql =
      std::string("SELECT definition_id, function_id, content_hash, function, created_at FROM definitions ")
          .append(where);
  TRY_VOID(transaction.query(sql, {value}, [&](const Row& row) {
    found = Definition{row.text(0), row.text(1), row.text(2), row.text(3), row.real(4)};
  }));
  return found;
}

}  // namespace

Result<void> FunctionTable::insert(const Function& function) {
  TRY_VOID(transaction_.run(
      "INSERT INTO functions (function_id, app_id, tag) VALUES (?, ?, ?)",
      {function.function_id, function.app_id, function.tag}));
  return {};
}

Result<std::optional<Function>> FunctionTable::find(const std::string& function_id) {
  return first_function(transaction_, "WHERE function_id = ?", {function_id});
}

Result<std::optional<Function>> FunctionTable::find_tag(const std::string& app_id, const std::string& tag) {
  return first_function(transaction_, "WHERE app_id = ? AND tag = ?", {app_id, tag});
}

Result<void> FunctionTable::set_autoscaler(const std::string& function_id, const std::string& settings) {
  TRY_VOID(
      transaction_.run("UPDATE functions SET autoscaler = ? WHERE function_id = ?", {Blob{settings}, function_id}));
  return {};
}

Result<void> FunctionTable::clear_autoscalers(const std::string& app_id) {
  TRY_VOID(transaction_.run("UPDATE functions SET autoscaler = NULL WHERE app_id = ?", {app_id}));
  return {};
}

Result<std::string> DefinitionTable::stage(const Definition& definition) {
  TRY_VOID(transaction_.run(
      "INSERT INTO definitions (definition_id, function_id, content_hash, function, created_at) VALUES (?, ?, ?, ?, ?) "
      "ON CONFLICT (function_id, content_hash) DO UPDATE SET created_at = excluded.created_at",
      {definition.definition_id, definition.function_id, definition.content_hash, Blob{definition.function},
       definition.created_at}));
  std::string standing;
  TRY_VOID(transaction_.query(
      "SELECT definition_id FROM definitions WHERE function_id = ? AND content_hash = ?",
      {definition.function_id, definition.content_hash}, [&](const Row& row) { standing = row.text(0); }));
  return standing;
}

Result<std::optional<Definition>> DefinitionTable::find(const std::string& definition_id) {
  return first_definition(transaction_, "WHERE definition_id = ?", definition_id);
}

Result<std::optional<Definition>> DefinitionTable::newest_of(const std::string& function_id) {
  return first_definition(transaction_, "WHERE function_id = ? ORDER BY created_at DESC LIMIT 1", function_id);
}

Result<void> DefinitionTable::renew(const std::string& definition_id, const std::string& fresh_id, double now) {
  TRY(auto old, find(definition_id));
  if (!old) return error(Code::NotFound, "Definition {} not found", definition_id);
  // A hash is unique for its function: the definition that has it now gets one that no content has.
  const std::string hash = old->content_hash.substr(0, old->content_hash.find(' '));
  TRY_VOID(transaction_.run(
      "UPDATE definitions SET content_hash = content_hash || ' ' || definition_id WHERE function_id = ? AND "
      "content_hash = ?",
      {old->function_id, hash}));
  TRY_VOID(transaction_.run(
      "INSERT INTO definitions (definition_id, function_id, content_hash, function, created_at) VALUES (?, ?, ?, ?, ?)",
      {fresh_id, old->function_id, hash, Blob{old->function}, now}));
  return {};
}

Result<void> DefinitionTable::each(const std::function<void(const std::string& function)>& visit) {
  return transaction_.query("SELECT function FROM definitions", {}, [&](const Row& row) { visit(row.text(0)); });
}

Result<void> DefinitionTable::remove_unused(const std::string& app_id, double created_before) {
  TRY_VOID(transaction_.run(
      "DELETE FROM definitions WHERE created_at < ? AND function_id IN (SELECT function_id FROM functions WHERE "
      "app_id = ?) AND NOT EXISTS (SELECT 1 FROM layouts l WHERE l.definition_id = definitions.definition_id)",
      {created_before, app_id}));
  TRY_VOID(transaction_.run(
      "DELETE FROM functions WHERE app_id = ? AND tag LIKE ? || '%' AND NOT EXISTS (SELECT 1 FROM definitions d WHERE "
      "d.function_id = functions.function_id)",
      {app_id, std::string(kBuildTag)}));
  return {};
}

Result<void> ClassTable::insert(const std::string& class_id, const std::string& app_id) {
  TRY_VOID(transaction_.run("INSERT INTO classes (class_id, app_id) VALUES (?, ?)", {class_id, app_id}));
  return {};
}

Result<std::optional<std::string>> ClassTable::app_of(const std::string& class_id) {
  std::optional<std::string> found;
  TRY_VOID(transaction_.query(
      "SELECT app_id FROM classes WHERE class_id = ?", {class_id}, [&](const Row& row) { found = row.text(0); }));
  return found;
}

}  // namespace bimodal::store

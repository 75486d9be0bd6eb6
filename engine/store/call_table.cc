#include "store/call_table.h"

namespace bimodal::store {
namespace {

constexpr std::string_view kSelectCalls =
    "SELECT call_id, function_id, app_id, parent_input_id, kind, invocation, created_at, expected, taken_at FROM "
    "calls ";

Call read_call(const Row& row) {
  Call call;
  call.call_id = row.text(0);
  call.function_id = row.text(1);
  call.app_id = row.text(2);
  call.parent_input_id = row.text(3);
  call.kind = static_cast<int>(row.integer(4));
  call.invocation = static_cast<int>(row.integer(5));
  call.created_at = row.real(6);
  call.expected = static_cast<int>(row.integer(7));
  call.taken_at = row.real(8);
  return call;
}

Input read_input(const Row& row) {
  Input input;
  input.call_id = row.text(0);
  input.place = static_cast<int>(row.integer(1));
  input.input_id = row.text(2);
  input.attempts = static_cast<int>(row.integer(3));
  input.ending.entry = static_cast<int>(row.integer(4));
  input.ending.status = static_cast<int>(row.integer(5));
  input.ending.task_id = row.text(6);
  input.ending.started_at = row.real(7);
  input.ending.ended_at = row.real(8);
  return input;
}

Result<std::vector<Call>> select(Transaction& transaction, std::string_view where, std::vector<Value> values) {
  std::vector<Call> calls;
  auto add = [&](const Row& row) { calls.push_back(read_call(row)); };
  TRY_VOID(transaction.query(std::string(kSelectCalls).append(where), std::move(values), add));
  return calls;
}

Result<std::string> payload(Transaction& transaction, std::string_view sql, const std::string& call_id, int place) {
  std::optional<std::string> bytes;
  auto read = [&](const Row& row) { bytes = row.text(0); };
  TRY_VOID(transaction.query(sql, {call_id, std::int64_t{place}}, read));
  if (!bytes) return error(Code::NotFound, "input {} of {} is kept no longer", place, call_id);
  return *std::move(bytes);
}

}  // namespace

Result<void> CallTable::insert(const Call& call) {
  TRY_VOID(transaction_.run(
      "INSERT INTO calls (call_id, function_id, app_id, parent_input_id, kind, invocation, created_at, expected, "
      "taken_at, request_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {call.call_id, call.function_id, call.app_id, call.parent_input_id, std::int64_t{call.kind},
       std::int64_t{call.invocation}, call.created_at, std::int64_t{call.expected}, call.taken_at, call.request_key}));
  return {};
}

Result<std::optional<Call>> CallTable::find(const std::string& call_id) {
  TRY(auto calls, select(transaction_, "WHERE call_id = ?", {call_id}));
  if (calls.empty()) return std::nullopt;
  return std::move(calls.front());
}

Result<void> CallTable::set_expected(const std::string& call_id, int inputs) {
  TRY_VOID(transaction_.run("UPDATE calls SET expected = ? WHERE call_id = ?", {std::int64_t{inputs}, call_id}));
  return {};
}

Result<void> CallTable::set_taken(const std::string& call_id, double at) {
  TRY_VOID(transaction_.run("UPDATE calls SET taken_at = ? WHERE call_id = ?", {at, call_id}));
  return {};
}

Result<std::map<std::string, std::string>> CallTable::request_keys(double since) {
  std::map<std::string, std::string> keys;
  TRY_VOID(transaction_.query(
      "SELECT request_key, call_id FROM calls WHERE created_at > ? AND request_key <> ''", {since},
      [&](const Row& row) { keys.emplace(row.text(0), row.text(1)); }));
  return keys;
}

Result<std::vector<Call>> CallTable::unfinished() {
  return select(
      transaction_, "WHERE call_id IN (SELECT call_id FROM inputs WHERE status = 0) ORDER BY created_at, rowid", {});
}

Result<std::vector<Call>> CallTable::children(const std::string& call_id, int most) {
  return select(
      transaction_, "WHERE parent_input_id IN (SELECT input_id FROM inputs WHERE call_id = ?) ORDER BY rowid LIMIT ?",
      {call_id, std::int64_t{most}});
}

Result<int> CallTable::remove_old(double created, double taken, int most) {
  return transaction_.run(
      "DELETE FROM calls WHERE call_id IN (SELECT call_id FROM calls c WHERE (created_at < ?1 OR (taken_at > 0 AND "
      "taken_at < ?2)) AND NOT EXISTS (SELECT 1 FROM inputs i WHERE i.call_id = c.call_id AND status = 0) LIMIT ?3)",
      {created, taken, std::int64_t{most}});
}

Result<void> InputTable::insert(const Input& input, const std::string& arguments) {
  TRY_VOID(transaction_.run(
      "INSERT INTO inputs (call_id, place, input_id, arguments, attempts, entry, status, task_id, started_at, "
      "ended_at, output) VALUES (?, ?, ?, ?, ?, 0, 0, '', 0, 0, x'')",
      {input.call_id, std::int64_t{input.place}, input.input_id, Blob{arguments}, std::int64_t{input.attempts}}));
  return {};
}

Result<void> InputTable::set_attempts(const std::string& call_id, int place, int attempts) {
  TRY_VOID(transaction_.run(
      "UPDATE inputs SET attempts = ? WHERE call_id = ? AND place = ?",
      {std::int64_t{attempts}, call_id, std::int64_t{place}}));
  return {};
}

Result<void> InputTable::end(const std::string& call_id, int place, const Ending& ending, const std::string& output) {
  TRY_VOID(transaction_.run(
      "UPDATE inputs SET entry = ?, status = ?, task_id = ?, started_at = ?, ended_at = ?, output = ? "
      "WHERE call_id = ? AND place = ?",
      {std::int64_t{ending.entry}, std::int64_t{ending.status}, ending.task_id, ending.started_at, ending.ended_at,
       Blob{output}, call_id, std::int64_t{place}}));
  return {};
}

Result<std::vector<Input>> InputTable::of_call(const std::string& call_id) {
  std::vector<Input> inputs;
  TRY_VOID(transaction_.query(
      "SELECT call_id, place, input_id, attempts, entry, status, task_id, started_at, ended_at FROM inputs "
      "WHERE call_id = ? ORDER BY place",
      {call_id}, [&](const Row& row) { inputs.push_back(read_input(row)); }));
  return inputs;
}

Result<std::string> InputTable::arguments(const std::string& call_id, int place) {
  return payload(transaction_, "SELECT arguments FROM inputs WHERE call_id = ? AND place = ?", call_id, place);
}

Result<std::string> InputTable::output(const std::string& call_id, int place) {
  return payload(transaction_, "SELECT output FROM inputs WHERE call_id = ? AND place = ?", call_id, place);
}

}  // namespace bimodal::store

#include "store/binding_table.h"

namespace bimodal::store {

Result<void> BindingTable::keep(const Binding& binding, int most) {
  TRY_VOID(transaction_.run(
      "INSERT INTO bindings (bound_id, function_id, parameters, options, created_at) VALUES (?, ?, ?, ?, ?) "
      "ON CONFLICT (bound_id) DO UPDATE SET created_at = excluded.created_at",
      {binding.bound_id, binding.function_id, Blob{binding.parameters}, Blob{binding.options}, binding.created_at}));
  TRY_VOID(transaction_.run(
      "DELETE FROM bindings WHERE bound_id IN (SELECT bound_id FROM bindings ORDER BY created_at DESC LIMIT -1 OFFSET "
      "?)",
      {std::int64_t{most}}));
  return {};
}

Result<std::vector<Binding>> BindingTable::list() {
  std::vector<Binding> all;
  TRY_VOID(transaction_.query(
      "SELECT bound_id, function_id, parameters, options, created_at FROM bindings", {},
      [&](const Row& row) { all.push_back({row.text(0), row.text(1), row.text(2), row.text(3), row.real(4)}); }));
  return all;
}

}  // namespace bimodal::store

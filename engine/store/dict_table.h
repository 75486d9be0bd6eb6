// Rows of `dict_entries`: what is in one dict. An entry that was neither read nor written for kIdle is gone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/database.h"

namespace bimodal::store {

struct DictEntry {
  std::string key, value;
};

class DictTable {
 public:
  static constexpr double kIdle = 7 * 24 * 3600;  // seconds

  // `now` in Unix seconds.
  DictTable(Transaction& transaction, std::string dict_id, double now)
      : transaction_(transaction), dict_id_(std::move(dict_id)), now_(now) {}

  // Use is remembered by the hour, so that most reads write nothing.
  Result<std::optional<std::string>> get(const std::string& key);
  Result<bool> contains(const std::string& key);
  Result<std::int64_t> size(std::int64_t at_most);
  // Over an entry that exists.
  Result<void> put(const DictEntry& entry);
  // False when an entry has that key.
  Result<bool> put_new(const DictEntry& entry);
  // The value that it had.
  Result<std::optional<std::string>> pop(const std::string& key);
  Result<void> clear();
  // The entries whose keys follow `after` (nullopt: all), in the order of their keys: at most `max_entries` and, but
  // for a single one, `max_bytes`.
  Result<std::vector<DictEntry>> page(const std::optional<std::string>& after, int max_entries, std::int64_t max_bytes);

  // Of all dicts; how many.
  static Result<int> remove_idle(Transaction& transaction, double now);

 private:
  Result<void> touch(const std::string& key);

  Transaction& transaction_;
  const std::string dict_id_;
  const double now_;
};

}  // namespace bimodal::store

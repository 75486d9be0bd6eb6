// The daemon's state: one SQLite file in WAL mode, one connection, transactions one at a time.
//
// Thread-safe; every method blocks (a commit waits for fsync, so that what was acknowledged survives a kill or a power
// cut): call it from the BlockingPool. Errors: ResourceExhausted when the disk is full, DataLoss when the file isn't a
// sound database, FailedPrecondition when a newer release wrote it, Internal for the rest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

struct sqlite3_stmt;

namespace bimodal::store {

struct Blob {
  std::string bytes;
};

// What a `?` in a statement stands for. nullptr is NULL.
using Value = std::variant<std::nullptr_t, std::int64_t, double, std::string, Blob>;

// The current row of a query. Valid only inside the visitor that got it. Columns count from 0.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;  // of a text or blob column; "" for NULL
  bool is_null(int column) const;

 private:
  sqlite3_stmt* statement_;
};

class Database;

// What runs inside Database::transact. Table accessors take a reference to it.
class Transaction {
 public:
  // Runs one statement that gives no rows. Returns how many rows it changed.
  Result<int> run(std::string_view sql, std::vector<Value> values = {});
  // Calls `visit` for each row.
  Result<void> query(std::string_view sql, std::vector<Value> values, const std::function<void(const Row&)>& visit);

 private:
  friend class Database;
  explicit Transaction(Database& database) : database_(database) {}
  Database& database_;
};

class Database {
 public:
  // Creates the file (mode 0600) when it is missing and brings its schema up to date.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file);
  ~Database();

  // Runs `work(Transaction&)`, which returns a Result: commits when that is a value, rolls back when it is an error
  // or an exception leaves.
  template <typename F>
  std::invoke_result_t<F, Transaction&> transact(F&& work) {
    std::lock_guard lock(mutex_);
    TRY_VOID(begin());
    Rollback rollback{*this};
    Transaction transaction(*this);
    auto result = std::forward<F>(work)(transaction);
    if (!result) return result;
    TRY_VOID(commit());
    rollback.armed = false;
    return result;
  }

 private:
  friend class Transaction;
  struct State;
  struct Rollback {
    Database& database;
    bool armed = true;
    ~Rollback() {
      if (armed) database.roll_back();
    }
  };

  explicit Database(std::unique_ptr<State> state);
  Result<void> migrate();
  Result<void> begin();
  Result<void> commit();
  void roll_back();

  std::mutex mutex_;
  std::unique_ptr<State> state_;
};

}  // namespace bimodal::store

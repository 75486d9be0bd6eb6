// Writes changes to the database, many in one transaction: a commit costs milliseconds, whatever is in it. Loop-bound.
//
// Changes are written in the order of their addition. Those that nobody waits for are written together with the next
// that somebody does wait for, kPatience later at the latest.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "async/blocking_pool.h"
#include "async/pulse.h"
#include "async/scope.h"
#include "base/result.h"
#include "store/database.h"

namespace bimodal::calls {

class Journal {
 public:
  static constexpr std::chrono::milliseconds kPatience{50};

  using Change = std::function<Result<void>(store::Transaction&)>;  // runs on the pool
  using Written = std::function<void()>;                            // runs on the loop; not when writing failed

  Journal(boost::asio::any_io_executor executor, BlockingPool& pool, store::Database& database);

  void add(Change change, Written written = nullptr);
  // Completes when everything that was added before is on disk; fails as Database::transact() does, and then none of
  // what was to be written together is there.
  Task<Result<void>> flush();
  // Completes when everything is on disk; what is added from then on waits for release().
  Task<void> hold();
  void release();
  // What is held is for the next daemon to find out: it is dropped, and who waits for it gets Unavailable.
  void abandon();
  // Writes what is left. Nothing may be added any more.
  Task<void> close();

 private:
  struct Batch {
    std::vector<Change> changes;
    std::vector<Written> written;
    std::optional<Result<void>> outcome;
  };
  using BatchPtr = std::shared_ptr<Batch>;

  void start();
  Task<void> write_all();
  Task<void> write(BatchPtr batch);

  BlockingPool& pool_;
  store::Database& database_;
  BatchPtr filling_ = std::make_shared<Batch>();
  BatchPtr writing_;  // the last one, also when it is written
  Pulse asked_;       // something is urgent
  Pulse done_;        // a batch was written
  Pulse released_;
  bool urgent_ = false;
  bool runs_ = false;
  bool held_ = false;
  bool abandoned_ = false;
  Scope scope_;
};

}  // namespace bimodal::calls

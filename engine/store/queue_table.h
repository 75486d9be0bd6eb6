// Rows of `queue_partitions` and `queue_items`: what is in one queue, partition by partition, oldest item first.
//
// A partition exists while it has items; one is gone with them when its time to live after the last put is over.
#pragma once

#include <string>
#include <vector>

#include "store/database.h"

namespace bimodal::store {

struct QueueItem {
  std::int64_t item_id = 0;  // grows from one to the next
  std::string value;
};

struct QueueSize {
  std::int64_t partitions = 0, items = 0;
};

class QueueTable {
 public:
  static constexpr std::int64_t kMaxItems = 5'000;                      // of a partition
  static constexpr std::int64_t kMaxBytes = std::int64_t{64} << 20;     // of a partition
  static constexpr std::int64_t kMaxItemBytes = std::int64_t{1} << 20;  // of an item
  static constexpr std::int64_t kMaxPartitions = 100'000;               // of a queue

  // `now` in Unix seconds.
  QueueTable(Transaction& transaction, std::string queue_id, double now)
      : transaction_(transaction), queue_id_(std::move(queue_id)), now_(now) {}

  // All or none. ResourceExhausted names the bound that they would break.
  Result<void> put(const std::string& partition, const std::vector<std::string>& values, double time_to_live);
  // Removes and returns up to `count`.
  Result<std::vector<QueueItem>> take(const std::string& partition, std::int64_t count);
  // What take() returned, in its old place again.
  Result<void> give_back(const std::string& partition, const std::vector<QueueItem>& items);
  // Up to `count` that follow the item `after`, and stay.
  Result<std::vector<QueueItem>> read(const std::string& partition, std::int64_t after, std::int64_t count);
  Result<std::int64_t> length(const std::string& partition);
  Result<QueueSize> size();
  Result<void> clear(const std::string& partition);
  Result<void> clear_all();

  // Of all queues; how many partitions.
  static Result<int> remove_expired(Transaction& transaction, double now);

 private:
  struct Extent {
    std::int64_t items = 0, bytes = 0;
    double expires_at = 0;
  };
  Result<Extent> extent(const std::string& partition);
  Result<void> resize(const std::string& partition, const Extent& extent);
  Result<void> drop_expired(const std::string& partition);
  Result<std::vector<QueueItem>> first(const std::string& partition, std::int64_t after, std::int64_t count);

  Transaction& transaction_;
  const std::string queue_id_;
  const double now_;
};

}  // namespace bimodal::store

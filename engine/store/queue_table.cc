#include "store/queue_table.h"

#include <algorithm>

namespace bimodal::store {
namespace {

std::int64_t bytes_of(const std::vector<QueueItem>& items) {
  std::int64_t bytes = 0;
  for (const auto& item : items) bytes += static_cast<std::int64_t>(item.value.size());
  return bytes;
}

}  // namespace

Result<QueueTable::Extent> QueueTable::extent(const std::string& partition) {
  Extent found;
  TRY_VOID(transaction_.query(
      "SELECT items, bytes, expires_at FROM queue_partitions WHERE queue_id = ? AND partition = ?",
      {queue_id_, Blob{partition}}, [&](const Row& row) { found = {row.integer(0), row.integer(1), row.real(2)}; }));
  return found;
}

Result<void> QueueTable::resize(const std::string& partition, const Extent& extent) {
  if (extent.items == 0) return clear(partition);
  TRY_VOID(transaction_.run(
      "INSERT INTO queue_partitions (queue_id, partition, items, bytes, expires_at) VALUES (?, ?, ?, ?, ?) "
      "ON CONFLICT (queue_id, partition) DO UPDATE SET items = excluded.items, bytes = excluded.bytes, "
      "expires_at = excluded.expires_at",
      {queue_id_, Blob{partition}, extent.items, extent.bytes, extent.expires_at}));
  return {};
}

Result<void> QueueTable::drop_expired(const std::string& partition) {
  TRY_VOID(transaction_.run(
      "DELETE FROM queue_partitions WHERE queue_id = ? AND partition = ? AND expires_at <= ?",
      {queue_id_, Blob{partition}, now_}));
  return {};
}

Result<void> QueueTable::put(
    const std::string& partition, const std::vector<std::string>& values, double time_to_live) {
  TRY_VOID(drop_expired(partition));
  TRY(Extent now, extent(partition));
  if (now.items == 0) {
    TRY(QueueSize queue, size());
    if (queue.partitions >= kMaxPartitions) {
      return error(Code::ResourceExhausted, "Queue {} has {} partitions, no more fit", queue_id_, kMaxPartitions);
    }
  }
  now.items += static_cast<std::int64_t>(values.size());
  for (const auto& value : values) now.bytes += static_cast<std::int64_t>(value.size());
  if (now.items > kMaxItems || now.bytes > kMaxBytes) {
    return error(
        Code::ResourceExhausted, "The partition of queue {} is full: it holds at most {} items and {} MiB", queue_id_,
        kMaxItems, kMaxBytes >> 20);
  }
  now.expires_at = now_ + time_to_live;
  TRY_VOID(resize(partition, now));
  for (const auto& value : values) {
    TRY_VOID(transaction_.run(
        "INSERT INTO queue_items (queue_id, partition, value) VALUES (?, ?, ?)",
        {queue_id_, Blob{partition}, Blob{value}}));
  }
  return {};
}

Result<std::vector<QueueItem>> QueueTable::first(const std::string& partition, std::int64_t after, std::int64_t count) {
  std::vector<QueueItem> items;
  TRY_VOID(transaction_.query(
      "SELECT item_id, value FROM queue_items WHERE queue_id = ? AND partition = ? AND item_id > ? "
      "ORDER BY item_id LIMIT ?",
      {queue_id_, Blob{partition}, after, count},
      [&](const Row& row) { items.push_back({row.integer(0), row.text(1)}); }));
  return items;
}

Result<std::vector<QueueItem>> QueueTable::take(const std::string& partition, std::int64_t count) {
  TRY_VOID(drop_expired(partition));
  TRY(auto items, first(partition, 0, count));
  if (items.empty()) return items;
  TRY_VOID(transaction_.run(
      "DELETE FROM queue_items WHERE queue_id = ? AND partition = ? AND item_id <= ?",
      {queue_id_, Blob{partition}, items.back().item_id}));
  TRY(Extent now, extent(partition));
  now.items -= static_cast<std::int64_t>(items.size());
  now.bytes -= bytes_of(items);
  TRY_VOID(resize(partition, now));
  return items;
}

Result<void> QueueTable::give_back(const std::string& partition, const std::vector<QueueItem>& items) {
  TRY(Extent now, extent(partition));
  now.items += static_cast<std::int64_t>(items.size());
  now.bytes += bytes_of(items);
  if (now.expires_at == 0) now.expires_at = now_ + 24 * 3600;
  TRY_VOID(resize(partition, now));
  for (const auto& item : items) {
    TRY_VOID(transaction_.run(
        "INSERT INTO queue_items (item_id, queue_id, partition, value) VALUES (?, ?, ?, ?)",
        {item.item_id, queue_id_, Blob{partition}, Blob{item.value}}));
  }
  return {};
}

Result<std::vector<QueueItem>> QueueTable::read(const std::string& partition, std::int64_t after, std::int64_t count) {
  TRY_VOID(drop_expired(partition));
  return first(partition, after, count);
}

Result<std::int64_t> QueueTable::length(const std::string& partition) {
  TRY(Extent found, extent(partition));
  return found.expires_at > now_ ? found.items : 0;
}

Result<QueueSize> QueueTable::size() {
  QueueSize size;
  TRY_VOID(transaction_.query(
      "SELECT count(*), ifnull(sum(items), 0) FROM queue_partitions WHERE queue_id = ? AND expires_at > ?",
      {queue_id_, now_}, [&](const Row& row) { size = {row.integer(0), row.integer(1)}; }));
  return size;
}

Result<void> QueueTable::clear(const std::string& partition) {
  TRY_VOID(transaction_.run(
      "DELETE FROM queue_partitions WHERE queue_id = ? AND partition = ?", {queue_id_, Blob{partition}}));
  return {};
}

Result<void> QueueTable::clear_all() {
  TRY_VOID(transaction_.run("DELETE FROM queue_partitions WHERE queue_id = ?", {queue_id_}));
  return {};
}

Result<int> QueueTable::remove_expired(Transaction& transaction, double now) {
  return transaction.run("DELETE FROM queue_partitions WHERE expires_at <= ?", {now});
}

}  // namespace bimodal::store

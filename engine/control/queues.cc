#include "control/queues.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <charconv>

#include "base/log.h"
#include "control/clock.h"
#include "control/named_objects.h"

namespace bimodal::control {
namespace {

namespace this_coro = boost::asio::this_coro;

using store::QueueTable;
using store::Transaction;

constexpr std::int64_t kPageItems = 100;
constexpr std::size_t kPageBytes = 8 << 20;

Result<QueueTable> open_queue(Transaction& transaction, const std::string& queue_id) {
  TRY_VOID(require_object(transaction, kQueue, queue_id));
  return QueueTable(transaction, queue_id, unix_now());
}

Result<void> check_partition(const std::string& key) {
  if (key.size() <= Queues::kMaxPartitionKey) return {};
  return error(
      Code::InvalidArgument, "A queue's partition key has {} bytes at most, not {}", Queues::kMaxPartitionKey,
      key.size());
}

// The client makes its RequestSizeError of what says 413, and waits and tries again at RESOURCE_EXHAUSTED: that is for
// what fits later.
Result<void> check_values(const api::QueuePutRequest& request) {
  std::int64_t bytes = 0;
  for (const std::string& value : request.values()) {
    const auto size = static_cast<std::int64_t>(value.size());
    bytes += size;
    if (size <= QueueTable::kMaxItemBytes) continue;
    return error(
        Code::InvalidArgument, "An item of a queue has {} KiB at most (status = '413')",
        QueueTable::kMaxItemBytes >> 10);
  }
  if (request.values_size() <= QueueTable::kMaxItems && bytes <= QueueTable::kMaxBytes) return {};
  return error(
      Code::InvalidArgument, "A partition of a queue holds at most {} items and {} MiB (status = '413')",
      QueueTable::kMaxItems, QueueTable::kMaxBytes >> 20);
}

Result<std::chrono::seconds> life_of(const api::QueuePutRequest& request) {
  const std::chrono::seconds asked(request.partition_ttl_seconds());
  if (asked.count() == 0) return Queues::kDefaultLife;
  if (asked.count() > 0 && asked <= Queues::kMaxLife) return asked;
  return error(
      Code::InvalidArgument, "partition_ttl= is between 1 and {} seconds, not {}", Queues::kMaxLife.count(),
      asked.count());
}

Deadline poll_deadline(float seconds, const rpc::Call& call) {
  const float most = std::chrono::duration<float>(Queues::kMaxPoll).count();
  const auto wait = std::chrono::duration<float>(std::clamp(std::isfinite(seconds) ? seconds : 0.0F, 0.0F, most));
  return Deadline::after(std::chrono::duration_cast<Deadline::Clock::duration>(wait)).or_earlier(call.deadline);
}

Task<bool> is_cancelled() {
  const auto state = co_await this_coro::cancellation_state;
  co_return state.cancelled() != boost::asio::cancellation_type::none;
}

tl::unexpected<Error> cancelled(const rpc::Call& call) {
  return error(Code::Cancelled, "{} was cancelled", call.rpc);
}

Result<api::QueueListResponse> read_page(
    Transaction& transaction, const Settings& settings, const api::QueueListRequest& request) {
  TRY(auto page, list_objects(transaction, kQueue, request.environment_name(), request.pagination()));
  api::QueueListResponse response;
  response.set_environment_name(page.environment);
  for (const auto& object : page.objects) {
    TRY(auto size, QueueTable(transaction, object.object_id, unix_now()).size());
    const std::int64_t most = request.total_size_limit() > 0 ? request.total_size_limit() : size.items;
    auto& queue = *response.add_queues();
    queue.set_name(object.name);
    queue.set_created_at(object.created_at);
    queue.set_num_partitions(static_cast<std::int32_t>(size.partitions));
    queue.set_total_size(static_cast<std::int32_t>(std::min(size.items, most)));
    queue.set_queue_id(object.object_id);
    describe(object, settings, *queue.mutable_metadata());
  }
  return response;
}

}  // namespace

Queues::Queues(Context& context, rpc::Service& service) : context_(context), watches_(context.executor) {
  service.mutation("QueueGetOrCreate", this, &Queues::get_or_create);
  service.query("QueueGetById", this, &Queues::get_by_id);
  service.query("QueueList", this, &Queues::list);
  service.mutation("QueueDelete", this, &Queues::remove);
  service.query("QueueHeartbeat", this, &Queues::heartbeat);
  service.mutation("QueuePut", this, &Queues::put);
  service.query("QueueGet", this, &Queues::get);
  service.query("QueueNextItems", this, &Queues::next_items);
  service.query("QueueLen", this, &Queues::len);
  service.mutation("QueueClear", this, &Queues::clear);
}

Task<Result<api::QueueGetOrCreateResponse>> Queues::get_or_create(rpc::Call, api::QueueGetOrCreateRequest request) {
  auto work = [request = std::move(request)](Transaction& transaction) {
    return get_or_create_object(
        transaction, kQueue,
        {request.deployment_name(), request.environment_name(), request.object_creation_type(), 0});
  };
  CO_TRY(auto gotten, co_await context_.transact(std::move(work)));
  api::QueueGetOrCreateResponse response;
  response.set_queue_id(gotten.object.object_id);
  describe(gotten.object, context_.settings, *response.mutable_metadata());
  co_return response;
}

Task<Result<api::QueueGetByIdResponse>> Queues::get_by_id(rpc::Call, api::QueueGetByIdRequest request) {
  auto work = [id = request.queue_id()](Transaction& transaction) { return require_object(transaction, kQueue, id); };
  CO_TRY(auto object, co_await context_.transact(std::move(work)));
  api::QueueGetByIdResponse response;
  response.set_queue_id(object.object_id);
  describe(object, context_.settings, *response.mutable_metadata());
  co_return response;
}

Task<Result<api::QueueListResponse>> Queues::list(rpc::Call, api::QueueListRequest request) {
  auto work = [this, request = std::move(request)](Transaction& transaction) {
    return read_page(transaction, context_.settings, request);
  };
  co_return co_await context_.transact(std::move(work));
}

Task<Result<rpc::Empty>> Queues::remove(rpc::Call, api::QueueDeleteRequest request) {
  auto work = [id = request.queue_id()](Transaction& transaction) { return remove_object(transaction, kQueue, id); };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  watches_.wake(request.queue_id());
  co_return Empty();
}

Task<Result<rpc::Empty>> Queues::heartbeat(rpc::Call, api::QueueHeartbeatRequest request) {
  auto work = [id = request.queue_id()](Transaction& transaction) { return heartbeat_object(transaction, kQueue, id); };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

Task<Result<rpc::Empty>> Queues::put(rpc::Call, api::QueuePutRequest request) {
  CO_TRY_VOID(check_partition(request.partition_key()));
  CO_TRY_VOID(check_values(request));
  CO_TRY(auto life, life_of(request));
  const std::string queue_id = request.queue_id();
  auto work = [request = std::move(request), life](Transaction& transaction) -> Result<void> {
    TRY(QueueTable queue, open_queue(transaction, request.queue_id()));
    if (request.values().empty()) return {};
    const std::vector<std::string> values(request.values().begin(), request.values().end());
    return queue.put(request.partition_key(), values, static_cast<double>(life.count()));
  };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  watches_.wake(queue_id);
  co_return Empty();
}

Task<Result<Queues::Items>> Queues::take(std::string queue_id, std::string partition, std::int64_t count) {
  auto work = [queue_id, partition, count](Transaction& transaction) -> Result<Items> {
    TRY(QueueTable queue, open_queue(transaction, queue_id));
    return queue.take(partition, count);
  };
  co_return co_await context_.transact(std::move(work));
}

Task<void> Queues::give_back(std::string queue_id, std::string partition, Items items) {
  auto work = [queue_id, partition, items = std::move(items)](Transaction& transaction) -> Result<void> {
    TRY(QueueTable queue, open_queue(transaction, queue_id));
    return queue.give_back(partition, items);
  };
  auto given = co_await context_.transact(std::move(work));
  if (!given)
    log::warning("queue {}: items taken for a caller that is gone are lost: {}", queue_id, given.error().message);
  watches_.wake(queue_id);
}

Task<Result<api::QueueGetResponse>> Queues::get(rpc::Call call, api::QueueGetRequest request) {
  CO_TRY_VOID(check_partition(request.partition_key()));
  co_await this_coro::throw_if_cancelled(false);  // so that items which were taken can be given back
  const Deadline deadline = poll_deadline(request.timeout(), call);
  const std::int64_t count = std::clamp<std::int64_t>(request.n_values(), 1, QueueTable::kMaxItems);
  const auto watch = watches_.watch(request.queue_id());
  while (true) {
    const std::uint64_t seen = watch->changes;
    CO_TRY(Items items, co_await take(request.queue_id(), request.partition_key(), count));
    const bool gone = co_await is_cancelled();
    if (gone) {
      if (!items.empty()) co_await give_back(request.queue_id(), request.partition_key(), std::move(items));
      co_return cancelled(call);
    }
    if (!items.empty() || deadline.passed()) {
      api::QueueGetResponse response;
      for (auto& item : items) response.add_values(std::move(item.value));
      co_return response;
    }
    if (seen == watch->changes) co_await watch->pulse.wait(deadline);
  }
}

Task<Result<Queues::Items>> Queues::read(std::string queue_id, std::string partition, std::int64_t after) {
  auto work = [queue_id, partition, after](Transaction& transaction) -> Result<Items> {
    TRY(QueueTable queue, open_queue(transaction, queue_id));
    return queue.read(partition, after, kPageItems);
  };
  co_return co_await context_.transact(std::move(work));
}

Task<Result<api::QueueNextItemsResponse>> Queues::next_items(rpc::Call call, api::QueueNextItemsRequest request) {
  CO_TRY_VOID(check_partition(request.partition_key()));
  std::int64_t after = 0;
  const std::string& last = request.last_entry_id();
  if (!last.empty() && std::from_chars(last.data(), last.data() + last.size(), after).ec != std::errc()) {
    co_return error(Code::InvalidArgument, "last_entry_id \"{}\" is none of this server's", last.substr(0, 40));
  }
  const Deadline deadline = poll_deadline(request.item_poll_timeout(), call);
  const auto watch = watches_.watch(request.queue_id());
  while (true) {
    const std::uint64_t seen = watch->changes;
    CO_TRY(Items items, co_await read(request.queue_id(), request.partition_key(), after));
    if (items.empty() && !deadline.passed()) {
      if (seen == watch->changes) co_await watch->pulse.wait(deadline);
      continue;
    }
    api::QueueNextItemsResponse response;
    std::size_t bytes = 0;
    for (auto& item : items) {
      bytes += item.value.size();
      if (bytes > kPageBytes && response.items_size() > 0) break;
      response.add_items()->set_value(std::move(item.value));
      response.mutable_items()->rbegin()->set_entry_id(std::to_string(item.item_id));
    }
    co_return response;
  }
}

Task<Result<api::QueueLenResponse>> Queues::len(rpc::Call, api::QueueLenRequest request) {
  CO_TRY_VOID(check_partition(request.partition_key()));
  auto work = [request = std::move(request)](Transaction& transaction) -> Result<std::int64_t> {
    TRY(QueueTable queue, open_queue(transaction, request.queue_id()));
    if (!request.total()) return queue.length(request.partition_key());
    TRY(auto size, queue.size());
    return size.items;
  };
  CO_TRY(std::int64_t length, co_await context_.transact(std::move(work)));
  api::QueueLenResponse response;
  response.set_len(static_cast<std::int32_t>(length));
  co_return response;
}

Task<Result<rpc::Empty>> Queues::clear(rpc::Call, api::QueueClearRequest request) {
  CO_TRY_VOID(check_partition(request.partition_key()));
  auto work = [request = std::move(request)](Transaction& transaction) -> Result<void> {
    TRY(QueueTable queue, open_queue(transaction, request.queue_id()));
    return request.all_partitions() ? queue.clear_all() : queue.clear(request.partition_key());
  };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

}  // namespace bimodal::control

// QueueGetOrCreate, QueueGetById, QueueList, QueueDelete, QueueHeartbeat; QueuePut, QueueGet, QueueNextItems, QueueLen,
// QueueClear (protocol §11). Values are the client's pickles: bytes. Loop-bound.
//
// An item is given to one caller, or stays: what was taken for a caller that went away meanwhile goes back to its
// place. One whose answer is lost on the way is lost.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "control/api.h"
#include "control/context.h"
#include "control/watches.h"
#include "rpc/service.h"
#include "store/queue_table.h"

namespace bimodal::control {

class Queues {
 public:
  static constexpr std::size_t kMaxPartitionKey = 64;             // bytes
  static constexpr std::chrono::seconds kDefaultLife{24 * 3600};  // of a partition after its last put
  static constexpr std::chrono::seconds kMaxLife{7 * 24 * 3600};
  static constexpr std::chrono::seconds kMaxPoll{60};  // that a call waits for items

  Queues(Context& context, rpc::Service& service);

 private:
  using Empty = rpc::Empty;
  Task<Result<api::QueueGetOrCreateResponse>> get_or_create(rpc::Call call, api::QueueGetOrCreateRequest request);
  Task<Result<api::QueueGetByIdResponse>> get_by_id(rpc::Call call, api::QueueGetByIdRequest request);
  Task<Result<api::QueueListResponse>> list(rpc::Call call, api::QueueListRequest request);
  Task<Result<Empty>> remove(rpc::Call call, api::QueueDeleteRequest request);
  Task<Result<Empty>> heartbeat(rpc::Call call, api::QueueHeartbeatRequest request);

  Task<Result<Empty>> put(rpc::Call call, api::QueuePutRequest request);
  Task<Result<api::QueueGetResponse>> get(rpc::Call call, api::QueueGetRequest request);
  Task<Result<api::QueueNextItemsResponse>> next_items(rpc::Call call, api::QueueNextItemsRequest request);
  Task<Result<api::QueueLenResponse>> len(rpc::Call call, api::QueueLenRequest request);
  Task<Result<Empty>> clear(rpc::Call call, api::QueueClearRequest request);

  using Items = std::vector<store::QueueItem>;
  Task<Result<Items>> take(std::string queue_id, std::string partition, std::int64_t count);
  Task<void> give_back(std::string queue_id, std::string partition, Items items);
  Task<Result<Items>> read(std::string queue_id, std::string partition, std::int64_t after);

  Context& context_;
  Watches watches_;  // of queues that got items, or are gone
};

}  // namespace bimodal::control

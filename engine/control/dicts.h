// DictGetOrCreate, DictGetById, DictList, DictDelete, DictHeartbeat; DictGet, DictContains, DictLen, DictPop,
// DictUpdate, DictContents, DictClear (protocol §11). Keys and values are the client's pickles: bytes. Loop-bound.
#pragma once

#include <optional>
#include <string>

#include "control/api.h"
#include "control/context.h"
#include "rpc/service.h"

namespace bimodal::control {

class Dicts {
 public:
  static constexpr std::int64_t kMaxLen = 100'000;    // that DictLen counts to
  static constexpr int kMaxUpdates = 10'000;          // entries of one DictUpdate
  static constexpr std::size_t kMaxEntry = 64 << 20;  // bytes of an entry, and of all entries of one DictUpdate

  Dicts(Context& context, rpc::Service& service);

 private:
  using Empty = rpc::Empty;
  Task<Result<api::DictGetOrCreateResponse>> get_or_create(rpc::Call call, api::DictGetOrCreateRequest request);
  Task<Result<api::DictGetByIdResponse>> get_by_id(rpc::Call call, api::DictGetByIdRequest request);
  Task<Result<api::DictListResponse>> list(rpc::Call call, api::DictListRequest request);
  Task<Result<Empty>> remove(rpc::Call call, api::DictDeleteRequest request);
  Task<Result<Empty>> heartbeat(rpc::Call call, api::DictHeartbeatRequest request);

  Task<Result<api::DictGetResponse>> get(rpc::Call call, api::DictGetRequest request);
  Task<Result<api::DictContainsResponse>> contains(rpc::Call call, api::DictContainsRequest request);
  Task<Result<api::DictLenResponse>> len(rpc::Call call, api::DictLenRequest request);
  Task<Result<api::DictPopResponse>> pop(rpc::Call call, api::DictPopRequest request);
  Task<Result<api::DictUpdateResponse>> update(rpc::Call call, api::DictUpdateRequest request);
  Task<Result<Empty>> clear(rpc::Call call, api::DictClearRequest request);
  Task<Result<void>> contents(rpc::Call call, api::DictContentsRequest request, rpc::Writer<api::DictEntry> writer);

  Context& context_;
};

}  // namespace bimodal::control

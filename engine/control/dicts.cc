#include "control/dicts.h"

#include "control/clock.h"
#include "control/named_objects.h"
#include "store/dict_table.h"

namespace bimodal::control {
namespace {

using store::DictTable;
using store::Transaction;

constexpr int kPageEntries = 256;
constexpr std::int64_t kPageBytes = 4 << 20;

// The entries of a dict that exists.
Result<DictTable> open_dict(Transaction& transaction, const std::string& dict_id) {
  TRY_VOID(require_object(transaction, kDict, dict_id));
  return DictTable(transaction, dict_id, unix_now());
}

// The client makes its RequestSizeError of what says 413.
template <typename Entries>
Result<void> check_size(const Entries& entries) {
  std::size_t bytes = 0;
  for (const auto& entry : entries) bytes += entry.key().size() + entry.value().size();
  if (entries.size() <= Dicts::kMaxUpdates && bytes <= Dicts::kMaxEntry) return {};
  return error(
      Code::InvalidArgument, "A dict takes at most {} entries and {} MiB at once (status = '413')", Dicts::kMaxUpdates,
      Dicts::kMaxEntry >> 20);
}

template <typename Entries>
Result<bool> put_all(DictTable& dict, const Entries& entries, bool only_new) {
  bool created = !only_new;
  for (const auto& entry : entries) {
    if (!only_new) {
      TRY_VOID(dict.put({entry.key(), entry.value()}));
      continue;
    }
    TRY(bool fresh, dict.put_new({entry.key(), entry.value()}));
    created = created || fresh;
  }
  return created;
}

Result<store::Object> get_or_make(Transaction& transaction, const api::DictGetOrCreateRequest& request) {
  TRY(auto gotten, get_or_create_object(
                       transaction, kDict,
                       {request.deployment_name(), request.environment_name(), request.object_creation_type(), 0}));
  if (gotten.made) {
    DictTable dict(transaction, gotten.object.object_id, unix_now());
    TRY_VOID(put_all(dict, request.data(), false));
  }
  return std::move(gotten.object);
}

}  // namespace

Dicts::Dicts(Context& context, rpc::Service& service) : context_(context) {
  service.mutation("DictGetOrCreate", this, &Dicts::get_or_create);
  service.query("DictGetById", this, &Dicts::get_by_id);
  service.query("DictList", this, &Dicts::list);
  service.mutation("DictDelete", this, &Dicts::remove);
  service.query("DictHeartbeat", this, &Dicts::heartbeat);
  service.query("DictGet", this, &Dicts::get);
  service.query("DictContains", this, &Dicts::contains);
  service.query("DictLen", this, &Dicts::len);
  service.mutation("DictPop", this, &Dicts::pop);
  service.mutation("DictUpdate", this, &Dicts::update);
  service.mutation("DictClear", this, &Dicts::clear);
  service.stream("DictContents", this, &Dicts::contents);
}

Task<Result<api::DictGetOrCreateResponse>> Dicts::get_or_create(rpc::Call, api::DictGetOrCreateRequest request) {
  CO_TRY_VOID(check_size(request.data()));
  auto work = [request = std::move(request)](Transaction& transaction) { return get_or_make(transaction, request); };
  CO_TRY(auto object, co_await context_.transact(std::move(work)));
  api::DictGetOrCreateResponse response;
  response.set_dict_id(object.object_id);
  describe(object, context_.settings, *response.mutable_metadata());
  co_return response;
}

Task<Result<api::DictGetByIdResponse>> Dicts::get_by_id(rpc::Call, api::DictGetByIdRequest request) {
  auto work = [id = request.dict_id()](Transaction& transaction) { return require_object(transaction, kDict, id); };
  CO_TRY(auto object, co_await context_.transact(std::move(work)));
  api::DictGetByIdResponse response;
  response.set_dict_id(object.object_id);
  describe(object, context_.settings, *response.mutable_metadata());
  co_return response;
}

Task<Result<api::DictListResponse>> Dicts::list(rpc::Call, api::DictListRequest request) {
  auto work = [request = std::move(request)](Transaction& transaction) {
    return list_objects(transaction, kDict, request.environment_name(), request.pagination());
  };
  CO_TRY(auto page, co_await context_.transact(std::move(work)));
  api::DictListResponse response;
  response.set_environment_name(page.environment);
  for (const auto& object : page.objects) {
    auto& dict = *response.add_dicts();
    dict.set_name(object.name);
    dict.set_created_at(object.created_at);
    dict.set_dict_id(object.object_id);
    describe(object, context_.settings, *dict.mutable_metadata());
  }
  co_return response;
}

Task<Result<rpc::Empty>> Dicts::remove(rpc::Call, api::DictDeleteRequest request) {
  auto work = [id = request.dict_id()](Transaction& transaction) { return remove_object(transaction, kDict, id); };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

Task<Result<rpc::Empty>> Dicts::heartbeat(rpc::Call, api::DictHeartbeatRequest request) {
  auto work = [id = request.dict_id()](Transaction& transaction) { return heartbeat_object(transaction, kDict, id); };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

Task<Result<api::DictGetResponse>> Dicts::get(rpc::Call, api::DictGetRequest request) {
  auto work = [request = std::move(request)](Transaction& transaction) -> Result<api::DictGetResponse> {
    TRY(DictTable dict, open_dict(transaction, request.dict_id()));
    TRY(auto value, dict.get(request.key()));
    api::DictGetResponse response;
    response.set_found(value.has_value());
    if (value) response.set_value(*std::move(value));
    return response;
  };
  co_return co_await context_.transact(std::move(work));
}

Task<Result<api::DictContainsResponse>> Dicts::contains(rpc::Call, api::DictContainsRequest request) {
  auto work = [request = std::move(request)](Transaction& transaction) -> Result<api::DictContainsResponse> {
    TRY(DictTable dict, open_dict(transaction, request.dict_id()));
    TRY(bool found, dict.contains(request.key()));
    api::DictContainsResponse response;
    response.set_found(found);
    return response;
  };
  co_return co_await context_.transact(std::move(work));
}

Task<Result<api::DictLenResponse>> Dicts::len(rpc::Call, api::DictLenRequest request) {
  auto work = [id = request.dict_id()](Transaction& transaction) -> Result<api::DictLenResponse> {
    TRY(DictTable dict, open_dict(transaction, id));
    TRY(std::int64_t size, dict.size(kMaxLen));
    api::DictLenResponse response;
    response.set_len(static_cast<std::int32_t>(size));
    return response;
  };
  co_return co_await context_.transact(std::move(work));
}

Task<Result<api::DictPopResponse>> Dicts::pop(rpc::Call, api::DictPopRequest request) {
  auto work = [request = std::move(request)](Transaction& transaction) -> Result<api::DictPopResponse> {
    TRY(DictTable dict, open_dict(transaction, request.dict_id()));
    TRY(auto value, dict.pop(request.key()));
    api::DictPopResponse response;
    response.set_found(value.has_value());
    if (value) response.set_value(*std::move(value));
    return response;
  };
  co_return co_await context_.transact(std::move(work));
}

Task<Result<api::DictUpdateResponse>> Dicts::update(rpc::Call, api::DictUpdateRequest request) {
  CO_TRY_VOID(check_size(request.updates()));
  auto work = [request = std::move(request)](Transaction& transaction) -> Result<api::DictUpdateResponse> {
    TRY(DictTable dict, open_dict(transaction, request.dict_id()));
    TRY(bool created, put_all(dict, request.updates(), request.if_not_exists()));
    api::DictUpdateResponse response;
    response.set_created(created);
    return response;
  };
  co_return co_await context_.transact(std::move(work));
}

Task<Result<rpc::Empty>> Dicts::clear(rpc::Call, api::DictClearRequest request) {
  auto work = [id = request.dict_id()](Transaction& transaction) -> Result<void> {
    TRY(DictTable dict, open_dict(transaction, id));
    return dict.clear();
  };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

// Page by page: what changes meanwhile behind the last key shows, what changes before it doesn't.
Task<Result<void>> Dicts::contents(rpc::Call, api::DictContentsRequest request, rpc::Writer<api::DictEntry> writer) {
  std::optional<std::string> last;
  while (true) {
    auto work = [id = request.dict_id(), last](Transaction& transaction) -> Result<std::vector<store::DictEntry>> {
      TRY(DictTable dict, open_dict(transaction, id));
      return dict.page(last, kPageEntries, kPageBytes);
    };
    CO_TRY(auto page, co_await context_.transact(std::move(work)));
    if (page.empty()) co_return Result<void>();
    last = page.back().key;
    for (auto& each : page) {
      api::DictEntry entry;
      entry.set_key(std::move(each.key));  // also when only values are asked for: the client reads it all the same
      if (request.values()) entry.set_value(std::move(each.value));
      const bool written = co_await writer.write(std::move(entry));
      if (!written) co_return Result<void>();
    }
  }
}

}  // namespace bimodal::control

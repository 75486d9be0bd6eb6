#include "control/function_calls.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "control/large_values.h"

namespace bimodal::control {
namespace {

// Inputs that a client may have under way in one map(); it waits with more.
constexpr std::uint32_t kMaxOutstanding = 1000;

// A little more than what clients ask for (55 s).
constexpr std::chrono::seconds kLongestPoll{60};

// Python reads the place of an input out of such a token only when it retries by itself, which it never does here.
void add_put(api::FunctionPutInputsResponseItem& out, const calls::Input& input) {
  out.set_idx(input.place);
  out.set_input_id(input.input_id);
  out.set_input_jwt(input.input_id);
}

// "17-0" for the entry 17.
int entry_in(const std::string& id) {
  int entry = 0;
  std::from_chars(id.data(), id.data() + id.size(), entry);
  return entry;
}

calls::Wanted wanted_by(const api::FunctionGetOutputsRequest& request) {
  calls::Wanted wanted;
  if (request.has_start_idx() || request.has_end_idx()) {
    wanted.places = {request.start_idx(), request.has_end_idx() ? request.end_idx() : request.start_idx()};
  } else {
    wanted.after_entry = entry_in(request.last_entry_id());
  }
  return wanted;
}

Deadline deadline_of(const rpc::Call& call, float timeout_s) {
  const auto asked = std::chrono::milliseconds(static_cast<std::int64_t>(std::max(0.0f, timeout_s) * 1000));
  return Deadline::after(std::min<std::chrono::milliseconds>(asked, kLongestPoll)).or_earlier(call.deadline);
}

api::FunctionRetryPolicy policy_of(const model::RetryPolicy& retries) {
  api::FunctionRetryPolicy out;
  out.set_retries(static_cast<std::uint32_t>(retries.retries));
  out.set_backoff_coefficient(static_cast<float>(retries.backoff_coefficient));
  out.set_initial_delay_ms(static_cast<std::uint32_t>(retries.initial_delay.count()));
  out.set_max_delay_ms(static_cast<std::uint32_t>(retries.max_delay.count()));
  return out;
}

// JavaScript and Go clients take an internal failure for one that they have to repair by more attempts. There were
// enough.
void hide_internal_failure(const rpc::Caller& caller, api::GenericResult& result) {
  const bool retries_by_itself = caller.client_type == 8 || caller.client_type == 9;
  if (!retries_by_itself || result.status() != api::GenericResult::GENERIC_STATUS_INTERNAL_FAILURE) return;
  result.set_status(api::GenericResult::GENERIC_STATUS_FAILURE);
}

}  // namespace

FunctionCalls::FunctionCalls(Context& context, const Bindings& bindings, calls::Calls& calls, rpc::Service& service)
    : context_(context), bindings_(bindings), calls_(calls) {
  service.mutation("FunctionMap", this, &FunctionCalls::map);
  service.mutation("FunctionPutInputs", this, &FunctionCalls::put_inputs);
  service.mutation("FunctionFinishInputs", this, &FunctionCalls::finish_inputs);
  service.query("FunctionGetOutputs", this, &FunctionCalls::get_outputs);
  service.mutation("FunctionCallCancel", this, &FunctionCalls::cancel);
  service.query("FunctionCallFromId", this, &FunctionCalls::from_id);
}

Result<model::FunctionVersionPtr> FunctionCalls::callable(const std::string& function_id) const {
  auto version = bindings_.version(function_id);
  if (!version) return error(Code::NotFound, "Function {} is not published, or its app is stopped", function_id);
  if (version->has_plain_methods) return version;
  return error(
      Code::InvalidArgument, "Function '{}' is a web function: it is called over HTTP, at its URL", version->tag);
}

Task<Result<std::vector<calls::NewInput>>> FunctionCalls::inputs_of(PutItems& items) {
  std::vector<calls::NewInput> out;
  for (api::FunctionPutInputsItem& item : items) {
    if (item.idx() < 0) co_return error(Code::InvalidArgument, "an input's index is {}", item.idx());
    CO_TRY_VOID(co_await store_large(context_, *item.mutable_input()));
    out.push_back({.place = item.idx(), .arguments = item.input().SerializeAsString()});
  }
  co_return out;
}

Task<Result<calls::CallPtr>> FunctionCalls::begin(
    rpc::Call call, model::FunctionVersionPtr version, api::FunctionMapRequest request) {
  // A container's requests end with it and the daemon.
  const bool may_repeat = call.caller.kind == rpc::Caller::Kind::Client;
  store::Call row;
  if (may_repeat) row.request_key = call.caller.idempotency_key;
  const auto earlier = calls_.made_before(row.request_key);
  if (earlier) co_return co_await calls_.find(*earlier);
  row.function_id = request.function_id();
  row.app_id = version->app_id;
  row.parent_input_id = request.parent_input_id();
  row.kind = request.function_call_type();
  row.invocation = request.function_call_invocation_type();
  if (request.function_call_type() == api::FUNCTION_CALL_TYPE_UNARY) row.expected = 1;
  CO_TRY(auto inputs, co_await inputs_of(*request.mutable_pipelined_inputs()));
  co_return co_await calls_.begin(std::move(row), std::move(inputs));
}

Task<Result<api::FunctionMapResponse>> FunctionCalls::map(rpc::Call call, api::FunctionMapRequest request) {
  CO_TRY(auto version, callable(request.function_id()));
  CO_TRY(auto made, co_await begin(std::move(call), version, std::move(request)));
  api::FunctionMapResponse response;
  response.set_function_call_id(made->id());
  response.set_function_call_jwt(made->id());
  response.set_max_inputs_outstanding(kMaxOutstanding);
  if (version->retries.retries > 0) *response.mutable_retry_policy() = policy_of(version->retries);
  for (const auto& [place, input] : made->inputs) add_put(*response.add_pipelined_inputs(), input);
  co_return response;
}

Task<Result<api::FunctionPutInputsResponse>> FunctionCalls::put_inputs(
    rpc::Call call, api::FunctionPutInputsRequest request) {
  CO_TRY(auto inputs, co_await inputs_of(*request.mutable_inputs()));
  CO_TRY(auto added, co_await calls_.add(request.function_call_id(), std::move(inputs)));
  api::FunctionPutInputsResponse response;
  for (const auto& input : added) add_put(*response.add_inputs(), *input);
  co_return response;
}

Task<Result<FunctionCalls::Empty>> FunctionCalls::finish_inputs(
    rpc::Call call, api::FunctionFinishInputsRequest request) {
  CO_TRY_VOID(co_await calls_.finish(request.function_call_id(), static_cast<int>(request.num_inputs())));
  co_return Empty();
}

Task<Result<api::FunctionGetOutputsResponse>> FunctionCalls::get_outputs(
    rpc::Call call, api::FunctionGetOutputsRequest request) {
  const bool is_receipt = request.clear_on_success() && request.timeout() == 0 && !request.has_start_idx();
  api::FunctionGetOutputsResponse response;
  response.set_last_entry_id(request.last_entry_id());
  if (is_receipt) {  // what a map() ends with; nobody reads the answer
    CO_TRY_VOID(co_await calls_.take(request.function_call_id()));
    co_return response;
  }
  const Deadline deadline = deadline_of(call, request.timeout());
  CO_TRY(auto found, co_await calls_.outputs(request.function_call_id(), wanted_by(request), deadline));
  for (const std::string& bytes : found.items) {
    auto& item = *response.add_outputs();
    if (!item.ParseFromString(bytes)) co_return error(Code::DataLoss, "an output in the database is damaged");
    hide_internal_failure(call.caller, *item.mutable_result());
    response.add_idxs(item.idx());
    const bool from_container = call.caller.kind == rpc::Caller::Kind::Container;
    if (from_container) CO_TRY_VOID(co_await inline_large(context_, *item.mutable_result()));
  }
  if (!request.has_start_idx()) response.set_last_entry_id(fmt::format("{}-0", found.last_entry));
  response.set_num_unfinished_inputs(found.unfinished);
  if (request.clear_on_success() && response.outputs_size() > 0) {
    CO_TRY_VOID(co_await calls_.take(request.function_call_id()));
  }
  co_return response;
}

Task<Result<FunctionCalls::Empty>> FunctionCalls::cancel(rpc::Call call, api::FunctionCallCancelRequest request) {
  CO_TRY_VOID(co_await calls_.cancel(request.function_call_id(), request.terminate_containers()));
  co_return Empty();
}

Task<Result<api::FunctionCallFromIdResponse>> FunctionCalls::from_id(
    rpc::Call call, api::FunctionCallFromIdRequest request) {
  CO_TRY(auto found, co_await calls_.find(request.function_call_id()));
  api::FunctionCallFromIdResponse response;
  response.set_function_call_id(found->id());
  response.set_num_inputs(static_cast<int>(found->inputs.size()));
  response.mutable_metadata()->set_app_id(found->row.app_id);
  response.mutable_metadata()->set_function_id(found->row.function_id);
  co_return response;
}

}  // namespace bimodal::control

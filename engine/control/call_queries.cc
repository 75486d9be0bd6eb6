#include "control/call_queries.h"

#include <deque>
#include <utility>

#include "store/call_table.h"

namespace bimodal::control {
namespace {

using api::GenericResult;

constexpr int kMaxCallsInGraph = 1000;
constexpr int kLatest = 10;  // inputs of each category that are named

api::InputCategoryInfo* category_of(api::FunctionCallInfo& info, int status) {
  switch (status) {
    case 0:
      return info.mutable_pending_inputs();
    case GenericResult::GENERIC_STATUS_SUCCESS:
      return info.mutable_succeeded_inputs();
    case GenericResult::GENERIC_STATUS_TIMEOUT:
      return info.mutable_timeout_inputs();
    case GenericResult::GENERIC_STATUS_TERMINATED:
      return info.mutable_cancelled_inputs();
    default:
      return info.mutable_failed_inputs();
  }
}

void add_input(api::FunctionCallInfo& info, const calls::Input& input) {
  auto& category = *category_of(info, input.ending.status);
  category.set_total(category.total() + 1);
  if (category.latest_size() >= kLatest) return;
  auto& out = *category.add_latest();
  out.set_input_id(input.input_id);
  out.set_idx(input.place);
  out.set_task_id(input.ended() ? input.ending.task_id : input.task_id);
  out.set_started_at(input.started_at);
  out.set_finished_at(input.ending.ended_at);
}

}  // namespace

CallQueries::CallQueries(Context& context, const Bindings& bindings, calls::Calls& calls, rpc::Service& service)
    : context_(context), bindings_(bindings), calls_(calls) {
  service.query("FunctionCallGetInfo", this, &CallQueries::get_info);
  service.query("FunctionGetCallGraph", this, &CallQueries::get_graph);
}

Task<Result<api::FunctionCallGetInfoResponse>> CallQueries::get_info(
    rpc::Call call, api::FunctionCallGetInfoRequest request) {
  CO_TRY(auto found, co_await calls_.find(request.function_call_id()));
  api::FunctionCallGetInfoResponse response;
  auto& info = *response.mutable_info();
  info.set_function_call_id(found->id());
  info.set_created_at(found->row.created_at);
  info.set_scheduled_at(found->row.created_at);
  info.set_total_inputs(static_cast<int>(found->inputs.size()));
  for (const auto& [place, input] : found->inputs) add_input(info, input);
  co_return response;
}

// The call and everything that its inputs called, breadth first.
Task<Result<api::FunctionGetCallGraphResponse>> CallQueries::get_graph(
    rpc::Call call, api::FunctionGetCallGraphRequest request) {
  api::FunctionGetCallGraphResponse response;
  std::deque<std::string> next{request.function_call_id()};
  while (!next.empty()) {
    if (response.function_calls_size() >= kMaxCallsInGraph) {
      response.set_truncated(true);
      break;
    }
    CO_TRY(auto found, co_await calls_.find(next.front()));
    next.pop_front();
    auto& entry = *response.add_function_calls();
    entry.set_function_call_id(found->id());
    if (response.function_calls_size() > 1) entry.set_parent_input_id(found->row.parent_input_id);
    if (const auto version = bindings_.version(found->row.function_id)) entry.set_function_name(version->tag);
    for (const auto& [place, input] : found->inputs) {
      auto& out = *response.add_inputs();
      out.set_input_id(input.input_id);
      out.set_function_call_id(found->id());
      out.set_status(static_cast<GenericResult::GenericStatus>(input.ending.status));
      out.set_task_id(input.ended() ? input.ending.task_id : input.task_id);
    }
    auto children_of = [id = found->id()](store::Transaction& transaction) {
      return store::CallTable(transaction).children(id, kMaxCallsInGraph);
    };
    CO_TRY(auto children, co_await context_.transact(std::move(children_of)));
    for (store::Call& child : children) next.push_back(std::move(child.call_id));
  }
  co_return response;
}

}  // namespace bimodal::control

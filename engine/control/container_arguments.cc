#include "control/container_arguments.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "control/class_parameters.h"
#include "control/function_metadata.h"
#include "control/utf8.h"
#include "control/web_arguments.h"
#include "runtime/web_request.h"

namespace bimodal::control {
namespace {

constexpr std::size_t kMaxSummary = 300;

// [[{"type": "seat"}], {}]: positional and keyword arguments in CBOR (RFC 8949). The client's own ASGI format would be
// taken for a bare dictionary (protocol §10.6).
constexpr std::string_view kSeatArguments = "\x82\x81\xA1\x64type\x64seat\xA0";

// Enough for requests as inputs of their own, too: whether they will be is not known yet.
std::uint32_t slots_of(const model::FunctionVersion& version, const api::Function& definition) {
  const std::uint32_t inputs = std::max(1u, definition.max_concurrent_inputs());
  return version.has_plain_methods ? inputs + 1 : inputs;
}

// A piece of a response, a result or an argument comes in the message whatever its size. As a blob it would have to
// pass the gateway, which no container's network reaches.
void lift_all_limits(api::AppLayout& layout) {
  for (auto& object : *layout.mutable_objects()) {
    if (object.has_function_handle_metadata()) lift_size_limits(*object.mutable_function_handle_metadata());
  }
}

void add_missing_dependencies(const api::Function& definition, api::AppLayout& layout) {
  std::set<std::string> known;
  for (const auto& object : layout.objects()) known.insert(object.object_id());
  for (const auto& dependency : definition.object_dependencies()) {
    if (known.insert(dependency.object_id()).second) layout.add_objects()->set_object_id(dependency.object_id());
  }
}

// The container has `input` now, and nobody else needs its arguments.
void add_input(runtime::PlainInput& input, api::FunctionGetInputsItem& item) {
  item.set_input_id(input.input_id);
  item.set_function_call_id(input.call_id);
  item.set_function_call_invocation_type(static_cast<api::FunctionCallInvocationType>(input.invocation));
  item.set_retry_count(static_cast<std::uint32_t>(input.attempts));
  item.set_function_map_idx(input.place);
  if (!item.mutable_input()->ParseFromString(input.arguments)) item.clear_input();
  input.arguments.clear();
}

std::string last_line(std::string_view text) {
  std::size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return "";
  std::size_t start = text.rfind('\n', end);
  return std::string(text.substr(start == std::string_view::npos ? 0 : start + 1, end - start));
}

// What stands behind the last frame of a traceback, in one line: the exception with its message, which may have
// several.
std::string exception_of(std::string_view traceback) {
  const std::size_t frame = traceback.rfind("\n  ");
  if (frame == traceback.npos) return last_line(traceback);
  const std::size_t end = traceback.find('\n', frame + 1);
  std::string text(end == traceback.npos ? std::string_view() : traceback.substr(end + 1));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.empty() ? last_line(traceback) : text;
}

}  // namespace

api::ContainerArguments container_arguments(
    const model::FunctionVersion& version, const std::string& task_id, api::Function definition,
    api::AppLayout layout) {
  if (!version.web_methods.empty() && !version.is_server) {
    std::uint32_t slots = slots_of(version, definition);
    definition.set_max_concurrent_inputs(slots);
    definition.set_target_concurrent_inputs(slots);
  } else {
    // Up to the maximum the pool decides how many a container gets; its client asks for each at once.
    definition.set_target_concurrent_inputs(definition.max_concurrent_inputs());
  }
  lift_all_limits(layout);
  add_missing_dependencies(definition, layout);
  api::ContainerArguments out;
  out.set_task_id(task_id);
  out.set_function_id(version.function_id);
  out.set_app_id(version.app_id);
  out.set_environment_name(version.environment);
  const model::Variant& variant = version.variant;
  out.set_serialized_params(
      variant.arguments.empty() ? variant.constructor : serialized_params(version.parameters, variant.arguments));
  *out.mutable_function_def() = std::move(definition);
  *out.mutable_app_layout() = std::move(layout);
  return out;
}

api::FunctionGetInputsResponse inputs_for(const runtime::Order& order) {
  api::FunctionGetInputsResponse response;
  switch (order.kind) {
    case runtime::Order::Kind::Nothing:
      break;
    case runtime::Order::Kind::KillSwitch:
      response.add_inputs()->set_kill_switch(true);
      break;
    case runtime::Order::Kind::Inputs:
      for (const runtime::PlainInputPtr& input : order.inputs) add_input(*input, *response.add_inputs());
      break;
    case runtime::Order::Kind::Seat: {
      auto& item = *response.add_inputs();
      item.set_input_id(order.input_id);
      item.set_function_call_id(order.function_call_id);
      item.set_function_call_invocation_type(api::FUNCTION_CALL_INVOCATION_TYPE_SYNC);
      item.mutable_input()->set_args(std::string(kSeatArguments));
      item.mutable_input()->set_data_format(api::DATA_FORMAT_CBOR);
      item.mutable_input()->set_method_name(order.method_name);
      break;
    }
    case runtime::Order::Kind::Request: {
      auto& item = *response.add_inputs();
      item.set_input_id(order.input_id);
      item.set_function_call_id(order.function_call_id);
      item.set_function_call_invocation_type(api::FUNCTION_CALL_INVOCATION_TYPE_SYNC);
      item.mutable_input()->set_args(web_arguments(order.request->head()));
      item.mutable_input()->set_data_format(api::DATA_FORMAT_PICKLE);
      item.mutable_input()->set_method_name(order.method_name);
      break;
    }
  }
  return response;
}

std::string failure_of(const api::GenericResult& result) {
  if (result.status() == api::GenericResult::GENERIC_STATUS_SUCCESS) return "";
  if (result.status() == api::GenericResult::GENERIC_STATUS_TERMINATED) return "the request was cancelled";
  return start_failure_of(result).summary;
}

runtime::StartFailure start_failure_of(const api::GenericResult& result) {
  // The end of a traceback reads "ModuleNotFoundError: No module named 'x'", where `exception` is only its repr().
  std::string summary = exception_of(result.traceback());
  if (summary.empty()) summary = last_line(result.exception());
  if (summary.empty()) summary = "the container failed to start";
  if (summary.size() > kMaxSummary) {
    summary.resize(whole_characters(std::string_view(summary).substr(0, kMaxSummary)));
    summary += "…";
  }
  return runtime::StartFailure{summary, result.traceback()};
}

}  // namespace bimodal::control

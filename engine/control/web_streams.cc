#include "control/web_streams.h"

#include <iterator>
#include <utility>
#include <vector>

#include "control/web_chunks.h"
#include "runtime/containers.h"

namespace bimodal::control {

WebStreams::WebStreams(Context& context, calls::Calls& calls, rpc::Service& service)
    : context_(context), calls_(calls) {
  service.stream("FunctionCallGetDataIn", this, &WebStreams::get_data_in);
  service.query("FunctionCallPutDataOut", this, &WebStreams::put_data_out);
  service.stream("FunctionCallGetDataOut", this, &WebStreams::get_data_out);
}

Result<WebStreams::RequestPtr> WebStreams::request_of(
    const rpc::Call& call, const std::string& function_call_id) const {
  if (call.caller.kind != rpc::Caller::Kind::Container) {
    return error(Code::PermissionDenied, "{} is for containers of this server", call.rpc);
  }
  const auto session = context_.containers->session(call.caller.task_id);
  RequestPtr request = session ? session->web_request(function_call_id) : nullptr;
  if (!request) return error(Code::NotFound, "no web request {} is with this container", function_call_id);
  return request;
}

Task<Result<void>> WebStreams::get_data_in(rpc::Call call, api::FunctionCallGetDataRequest request, Chunks chunks) {
  CO_TRY(RequestPtr web, request_of(call, request.function_call_id()));
  std::uint64_t index = request.last_index();
  while (true) {
    CO_TRY(std::optional<runtime::WebInput> input, co_await web->next_input(index));
    if (!input) co_return Result<void>();
    if (!co_await chunks.write(chunk_of(*std::move(input), ++index))) co_return Result<void>();
  }
}

Task<Result<void>> WebStreams::get_data_out(rpc::Call call, api::FunctionCallGetDataRequest request, Chunks chunks) {
  std::uint64_t index = request.last_index();
  while (true) {
    CO_TRY(auto chunk, co_await calls_.next_chunk(request.function_call_id(), index++));
    if (!chunk || !co_await chunks.write(*std::move(chunk))) co_return Result<void>();
  }
}

Task<Result<WebStreams::Empty>> WebStreams::put_data_out(rpc::Call call, api::FunctionCallPutDataRequest request) {
  auto found = request_of(call, request.function_call_id());
  if (!found && found.error().code == Code::NotFound) {
    std::vector<calls::Chunks::Chunk> chunks(
        std::make_move_iterator(request.mutable_data_chunks()->begin()),
        std::make_move_iterator(request.mutable_data_chunks()->end()));
    CO_TRY_VOID(co_await calls_.put_chunks(call.caller.task_id, request.function_call_id(), std::move(chunks)));
    co_return Empty();
  }
  CO_TRY(RequestPtr web, std::move(found));
  std::vector<runtime::WebOutput> outputs;
  for (api::DataChunk& chunk : *request.mutable_data_chunks()) {
    CO_TRY(runtime::WebOutput output, output_in(std::move(chunk)));
    outputs.push_back(std::move(output));
  }
  request.Clear();
  CO_TRY_VOID(co_await web->put(std::move(outputs)));
  co_return Empty();
}

}  // namespace bimodal::control

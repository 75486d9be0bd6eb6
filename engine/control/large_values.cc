#include "control/large_values.h"

#include <utility>

#include "control/blob_transfers.h"
#include "control/function_metadata.h"
#include "store/blobs.h"

namespace bimodal::control {
namespace {

// The id of a blob of that content.
Task<Result<std::string>> put(Context& context, std::string content) {
  auto write = [&blobs = context.blobs, content = std::move(content)] { return blobs.put(content); };
  CO_TRY(std::string digest, co_await context.pool.run(std::move(write)));
  co_return blob_id_of(digest);
}

Task<Result<std::string>> get(Context& context, std::string blob_id) {
  const std::string digest = digest_of_blob(blob_id);
  if (digest.empty()) co_return error(Code::NotFound, "no blob \"{}\"", blob_id);
  auto read = [&blobs = context.blobs, digest] { return blobs.read(digest); };
  co_return co_await context.pool.run(std::move(read));
}

}  // namespace

Task<Result<void>> store_large(Context& context, api::FunctionInput& input) {
  if (input.args().size() <= kMaxInlineBytes) co_return Result<void>();
  CO_TRY(std::string blob_id, co_await put(context, std::move(*input.mutable_args())));
  input.set_args_blob_id(blob_id);
  co_return Result<void>();
}

Task<Result<void>> store_large(Context& context, api::GenericResult& result) {
  if (result.data().size() <= kMaxInlineBytes) co_return Result<void>();
  CO_TRY(std::string blob_id, co_await put(context, std::move(*result.mutable_data())));
  result.set_data_blob_id(blob_id);
  co_return Result<void>();
}

Task<Result<void>> inline_large(Context& context, api::FunctionInput& input) {
  if (input.args_blob_id().empty()) co_return Result<void>();
  CO_TRY(std::string content, co_await get(context, input.args_blob_id()));
  input.set_args(std::move(content));
  co_return Result<void>();
}

Task<Result<void>> inline_large(Context& context, api::GenericResult& result) {
  if (result.data_blob_id().empty()) co_return Result<void>();
  CO_TRY(std::string content, co_await get(context, result.data_blob_id()));
  result.set_data(std::move(content));
  co_return Result<void>();
}

}  // namespace bimodal::control

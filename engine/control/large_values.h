// Arguments and results that are too large for a row of the database: they are blobs there, and on their way to
// clients. To containers, which can't fetch blobs, they travel inline. Loop-bound; files are read and written on the
// pool.
#pragma once

#include "control/api.h"
#include "control/context.h"

namespace bimodal::control {

// Makes a blob of data above kMaxInlineBytes.
Task<Result<void>> store_large(Context& context, api::FunctionInput& input);
Task<Result<void>> store_large(Context& context, api::GenericResult& result);

// Puts the content in the place of the blob's name. NotFound when the blob was never uploaded.
Task<Result<void>> inline_large(Context& context, api::FunctionInput& input);
Task<Result<void>> inline_large(Context& context, api::GenericResult& result);

}  // namespace bimodal::control

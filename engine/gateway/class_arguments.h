// The arguments of a class in the query string of a URL. A pure function.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/class_parameters.h"

namespace bimodal::gateway {

inline constexpr std::size_t kMaxArguments = 16 * 1024;  // bytes of names and values, decoded

// One value for each of `parameters`: what `query` (without the question mark, form-encoded) says, or its default. What
// else is in the query is the application's. Booleans are true, false, 1 and 0, in any case; bytes are the bytes after
// decoding. InvalidArgument names the parameter that is missing, given twice or of another type, or says that there is
// more than kMaxArguments.
Result<model::ClassArguments> class_arguments(
    const std::vector<model::ClassParameter>& parameters, std::string_view query);

}  // namespace bimodal::gateway

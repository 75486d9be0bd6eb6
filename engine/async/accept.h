// Accepts connections on a listening socket for as long as somebody wants them. Loop-bound.
#pragma once

#include <functional>
#include <string>

#include "async/task.h"
#include "base/unique_fd.h"

namespace bimodal {

// Hands every connection to `take`, close-on-exec and non-blocking, until the coroutine is cancelled. After a failure
// that asking again at once doesn't mend (out of descriptors, say) it waits a moment, and logs it with `name`.
Task<void> accept_connections(UniqueFd listener, std::string name, std::function<void(UniqueFd)> take);

}  // namespace bimodal

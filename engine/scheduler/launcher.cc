#include "scheduler/launcher.h"

namespace bimodal::scheduler {

Task<Result<UniqueFd>> Container::connect(std::uint16_t, Deadline) {
  co_return error(Code::Unimplemented, "this container has no ports");
}

}  // namespace bimodal::scheduler

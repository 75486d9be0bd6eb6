#include "server/warmth.h"

namespace bimodal::server {

std::vector<std::string> warm_functions(const control::Registry& registry, const scheduler::Functions& functions) {
  std::vector<std::string> ids;
  for (const control::PublishedApp& app : registry.running()) {
    for (const auto& function : app.functions) {
      const auto load = functions.load(function->function_id);
      if (load && load->containers > 0) ids.push_back(function->function_id);
    }
  }
  return ids;
}

void let_idle_containers_go(const control::Registry& registry, scheduler::Functions& functions) {
  for (const control::PublishedApp& app : registry.running()) {
    for (const auto& function : app.functions) {
      model::ScalingPolicy none = function->scaling;
      none.min_containers = none.buffer_containers = 0;
      none.scaledown_window = {};
      functions.update_scaling(function->function_id, none);
    }
  }
}

}  // namespace bimodal::server

// Everything that a container of a published function needs: layers, environment, arguments. Loop-bound.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/api.h"
#include "control/context.h"
#include "control/volume_trees.h"
#include "runtime/containers.h"

namespace bimodal::control {

class Planner : public runtime::Planner {
 public:
  // Uses the context's database, blobs and builder.
  explicit Planner(Context& context) : context_(context), trees_(context) {}

  // FailedPrecondition when the function can't run as it was published, e.g. because its image has no Python.
  Task<Result<runtime::ContainerPlan>> plan(model::FunctionVersionPtr version, std::string task_id) override;

  // NotFound names a volume that was deleted.
  Task<Result<std::vector<runtime::PlannedVolume>>> plan_volumes(std::vector<api::VolumeMount> mounts);

 private:
  Context& context_;
  VolumeTrees trees_;
};

}  // namespace bimodal::control

// Everything that a container of a published function needs: layers, environment, arguments. Loop-bound.
#pragma once

#include <string>

#include "control/context.h"
#include "runtime/containers.h"

namespace bimodal::control {

class Planner : public runtime::Planner {
 public:
  // Uses the context's database, blobs and builder.
  explicit Planner(Context& context) : context_(context) {}

  // FailedPrecondition when the function can't run as it was published, e.g. because its image has no Python.
  Task<Result<runtime::ContainerPlan>> plan(model::FunctionVersionPtr version, std::string task_id) override;

 private:
  Context& context_;
};

}  // namespace bimodal::control

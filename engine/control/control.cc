#include "control/control.h"

#include "control/registry.h"

namespace bimodal::control {

struct Control::State {
  explicit State(Context& context) : context(context), registry(context.executor) {}

  Context& context;
  Registry registry;
  // One member per service group, in the order of their dependencies.
};

Control::Control(Context& context, rpc::Service& service) : state_(std::make_unique<State>(context)) {}

Control::~Control() = default;

Task<Result<void>> Control::recover() {
  state_->context.on_routes_changed(state_->registry.routes());
  co_return Result<void>();
}

Task<void> Control::close() {
  co_return;
}

}  // namespace bimodal::control

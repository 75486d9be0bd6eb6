#include "control/control.h"

#include "control/app_logs.h"
#include "control/blobs.h"
#include "control/containers.h"
#include "control/images.h"
#include "control/mounts.h"
#include "control/registry.h"

namespace bimodal::control {

struct Control::State {
  State(Context& context, rpc::Service& service)
      : context(context),
        registry(context.executor),
        blob_transfers(context.blobs),
        blobs(context, blob_transfers, service),
        mounts(context, service),
        images(context, service),
        containers(context, service),
        app_logs(context, registry, service) {}

  Context& context;
  Registry registry;
  BlobTransfers blob_transfers;
  // One member per service group, in the order of their dependencies.
  Blobs blobs;
  Mounts mounts;
  Images images;
  Containers containers;
  AppLogs app_logs;
};

Control::Control(Context& context, rpc::Service& service) : state_(std::make_unique<State>(context, service)) {}

Control::~Control() = default;

Task<Result<void>> Control::recover() {
  state_->context.on_routes_changed(state_->registry.routes());
  co_return Result<void>();
}

Task<void> Control::close() {
  co_await state_->images.close();
  co_await state_->app_logs.close();
}

BlobTransfers& Control::blob_transfers() { return state_->blob_transfers; }

}  // namespace bimodal::control

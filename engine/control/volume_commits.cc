#include "control/volume_commits.h"

#include "runtime/containers.h"

namespace bimodal::control {
namespace {

Result<std::shared_ptr<runtime::Session>> session_of(const Context& context, const rpc::Call& call) {
  if (call.caller.kind != rpc::Caller::Kind::Container) {
    return error(
        Code::FailedPrecondition,
        "{}: only a container that mounts the volume commits and reloads it; batch_upload() and `bimodal volume put` "
        "write to it from outside",
        call.rpc);
  }
  auto session = context.containers->session(call.caller.task_id);
  if (!session) return error(Code::FailedPrecondition, "container {} was stopped", call.caller.task_id);
  return session;
}

}  // namespace

VolumeCommits::VolumeCommits(Context& context, rpc::Service& service) : context_(context) {
  service.mutation("VolumeCommit", this, &VolumeCommits::commit);
  service.mutation("VolumeReload", this, &VolumeCommits::reload);
}

// What others have committed shows after a reload that is asked for, not after each commit: files may stay open.
Task<Result<api::VolumeCommitResponse>> VolumeCommits::commit(rpc::Call call, api::VolumeCommitRequest request) {
  CO_TRY(auto session, session_of(context_, call));
  CO_TRY_VOID(co_await session->commit_volume(request.volume_id()));
  api::VolumeCommitResponse response;
  response.set_skip_reload(true);
  co_return response;
}

Task<Result<rpc::Empty>> VolumeCommits::reload(rpc::Call call, api::VolumeReloadRequest request) {
  CO_TRY(auto session, session_of(context_, call));
  CO_TRY_VOID(co_await session->reload_volume(request.volume_id()));
  co_return rpc::Empty();
}

}  // namespace bimodal::control

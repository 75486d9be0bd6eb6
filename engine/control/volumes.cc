#include "control/volumes.h"

#include <algorithm>

#include "control/named_objects.h"

namespace bimodal::control {
namespace {

using store::Object;
using store::Transaction;

api::VolumeMetadata metadata_of(const Object& object, const Settings& settings) {
  api::VolumeMetadata metadata;
  describe(object, settings, metadata);
  metadata.set_version(static_cast<api::VolumeFsVersion>(object.version));
  return metadata;
}

Result<void> check_request(const api::VolumeGetOrCreateRequest& request) {
  const std::string object = "volume '" + request.deployment_name() + "'";
  if (!request.create_options().experimental_options().empty()) {
    return error(
        Code::InvalidArgument, "{}: experimental_options= ('{}') is not supported by this server; remove it", object,
        request.create_options().experimental_options().begin()->first);
  }
  return {};
}

ObjectWish wish_of(const api::VolumeGetOrCreateRequest& request) {
  const int version = std::max<int>(request.version(), api::VOLUME_FS_VERSION_V1);
  return {request.deployment_name(), request.environment_name(), request.object_creation_type(), version};
}

Result<void> change_name(Transaction& transaction, const api::VolumeRenameRequest& request) {
  TRY(Object object, require_object(transaction, kVolume, request.volume_id()));
  TRY_VOID(check_object_name(kVolume, request.name()));
  if (object.name.empty()) {
    return error(Code::InvalidArgument, "Volume {} is ephemeral: it can't have a name", object.object_id);
  }
  if (object.name == request.name()) return {};
  store::ObjectTable objects(transaction);
  TRY(auto taken, objects.find_named(object.kind, object.environment_id, request.name()));
  if (taken) return error(Code::AlreadyExists, "Volume '{}' exists in that environment", request.name());
  return objects.rename(object.object_id, request.name());
}

}  // namespace

Volumes::Volumes(Context& context, rpc::Service& service) : context_(context) {
  service.mutation("VolumeGetOrCreate", this, &Volumes::get_or_create);
  service.query("VolumeGetById", this, &Volumes::get_by_id);
  service.query("VolumeList", this, &Volumes::list);
  service.mutation("VolumeDelete", this, &Volumes::remove);
  service.mutation("VolumeRename", this, &Volumes::rename);
  service.query("VolumeHeartbeat", this, &Volumes::heartbeat);
}

Task<Result<api::VolumeGetOrCreateResponse>> Volumes::get_or_create(rpc::Call, api::VolumeGetOrCreateRequest request) {
  CO_TRY_VOID(check_request(request));
  auto work = [wish = wish_of(request)](Transaction& transaction) {
    return get_or_create_object(transaction, kVolume, wish);
  };
  CO_TRY(auto gotten, co_await context_.transact(std::move(work)));
  api::VolumeGetOrCreateResponse response;
  response.set_volume_id(gotten.object.object_id);
  response.set_version(static_cast<api::VolumeFsVersion>(gotten.object.version));
  *response.mutable_metadata() = metadata_of(gotten.object, context_.settings);
  co_return response;
}

Task<Result<api::VolumeGetByIdResponse>> Volumes::get_by_id(rpc::Call, api::VolumeGetByIdRequest request) {
  auto work = [id = request.volume_id()](Transaction& transaction) { return require_object(transaction, kVolume, id); };
  CO_TRY(Object object, co_await context_.transact(std::move(work)));
  api::VolumeGetByIdResponse response;
  response.set_volume_id(object.object_id);
  *response.mutable_metadata() = metadata_of(object, context_.settings);
  co_return response;
}

Task<Result<api::VolumeListResponse>> Volumes::list(rpc::Call, api::VolumeListRequest request) {
  auto work = [request = std::move(request)](Transaction& transaction) {
    return list_objects(transaction, kVolume, request.environment_name(), request.pagination());
  };
  CO_TRY(auto page, co_await context_.transact(std::move(work)));
  api::VolumeListResponse response;
  response.set_environment_name(page.environment);
  for (const Object& object : page.objects) {
    auto& item = *response.add_items();
    item.set_label(object.name);
    item.set_volume_id(object.object_id);
    item.set_created_at(object.created_at);
    *item.mutable_metadata() = metadata_of(object, context_.settings);
  }
  co_return response;
}

Task<Result<rpc::Empty>> Volumes::remove(rpc::Call, api::VolumeDeleteRequest request) {
  auto work = [id = request.volume_id()](Transaction& transaction) { return remove_object(transaction, kVolume, id); };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

Task<Result<rpc::Empty>> Volumes::rename(rpc::Call, api::VolumeRenameRequest request) {
  auto work = [request = std::move(request)](Transaction& transaction) { return change_name(transaction, request); };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

Task<Result<rpc::Empty>> Volumes::heartbeat(rpc::Call, api::VolumeHeartbeatRequest request) {
  auto work = [id = request.volume_id()](Transaction& transaction) {
    return heartbeat_object(transaction, kVolume, id);
  };
  CO_TRY_VOID(co_await context_.transact(std::move(work)));
  co_return Empty();
}

}  // namespace bimodal::control

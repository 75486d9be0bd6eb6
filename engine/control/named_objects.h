// What dicts, queues and volumes have in common (protocol §11): names in environments, ephemeral ones with heartbeats,
// lists in pages. Everything here runs inside a transaction, on the pool.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/api.h"
#include "control/context.h"
#include "store/environment_table.h"
#include "store/object_table.h"

namespace bimodal::control {

struct ObjectKind {
  std::string_view prefix;   // of ids
  std::string_view noun;     // for messages: "Dict"
  std::string_view command;  // the client's: "dict"
};
inline constexpr ObjectKind kDict{"di", "Dict", "dict"};
inline constexpr ObjectKind kQueue{"qu", "Queue", "queue"};
inline constexpr ObjectKind kVolume{"vo", "Volume", "volume"};

// An ephemeral object outlives its client's last heartbeat by so much. Clients send one every 300 s.
inline constexpr double kEphemeralLife = 15 * 60;  // seconds

// InvalidArgument for what can't be a name.
Result<void> check_object_name(const ObjectKind& kind, const std::string& name);

struct ObjectWish {
  std::string name, environment;  // "" for an ephemeral one; "" for the default environment
  api::ObjectCreationType how = api::OBJECT_CREATION_TYPE_UNSPECIFIED;
  int version = 0;  // of a volume that is made
};

struct GottenObject {
  store::Object object;
  bool made = false;
};

// NotFound names what is missing and how it is made; AlreadyExists when it may not exist.
Result<GottenObject> get_or_create_object(
    store::Transaction& transaction, const ObjectKind& kind, const ObjectWish& wish);

// NotFound names the id.
Result<store::Object> require_object(store::Transaction& transaction, const ObjectKind& kind, const std::string& id);

// Of an ephemeral one: it lives kEphemeralLife from now on.
Result<void> heartbeat_object(store::Transaction& transaction, const ObjectKind& kind, const std::string& id);

Result<void> remove_object(store::Transaction& transaction, const ObjectKind& kind, const std::string& id);

struct ObjectPage {
  std::string environment;
  std::vector<store::Object> objects;  // newest first
};
Result<ObjectPage> list_objects(
    store::Transaction& transaction, const ObjectKind& kind, const std::string& environment,
    const api::ListPagination& pagination);

// Of any kind: DictMetadata, QueueMetadata, VolumeMetadata.
template <typename Metadata>
void describe(const store::Object& object, const Settings& settings, Metadata& metadata) {
  metadata.set_name(object.name);
  metadata.mutable_creation_info()->set_created_at(object.created_at);
  metadata.mutable_creation_info()->set_created_by(settings.workspace);
}

}  // namespace bimodal::control

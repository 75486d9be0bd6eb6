#include "control/named_objects.h"

#include <algorithm>
#include <limits>

#include "base/ids.h"
#include "control/clock.h"

namespace bimodal::control {
namespace {

using store::Environment;
using store::EnvironmentTable;
using store::Object;
using store::ObjectTable;
using store::Transaction;

constexpr int kPage = 100;
constexpr std::size_t kMaxName = 64;  // the client's own bound

Result<GottenObject> insert(
    Transaction& transaction, const ObjectKind& kind, const ObjectWish& wish, const Environment& environment) {
  const double now = unix_now();
  Object object;
  object.object_id = new_id(kind.prefix);
  object.kind = kind.prefix;
  object.environment_id = environment.environment_id;
  object.name = wish.name;
  object.version = wish.version;
  object.created_at = now;
  if (wish.name.empty()) object.expires_at = now + kEphemeralLife;
  TRY_VOID(ObjectTable(transaction).insert(object));
  return GottenObject{std::move(object), true};
}

tl::unexpected<Error> missing(const ObjectKind& kind, const std::string& name, const Environment& environment) {
  return error(
      Code::NotFound,
      "{0} '{1}' not found in environment '{2}'; create_if_missing=True or `bimodal {3} create {1}` makes it",
      kind.noun, name, environment.name, kind.command);
}

}  // namespace

Result<void> check_object_name(const ObjectKind& kind, const std::string& name) {
  auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  if (!name.empty() && name.size() <= kMaxName && std::all_of(name.begin(), name.end(), plain)) return {};
  return error(
      Code::InvalidArgument, "'{}' can't be the name of a {}: use at most {} of A-Z, a-z, 0-9, '.', '-', '_'",
      name.substr(0, 2 * kMaxName), kind.noun, kMaxName);
}

Result<GottenObject> get_or_create_object(Transaction& transaction, const ObjectKind& kind, const ObjectWish& wish) {
  TRY(auto environment, EnvironmentTable(transaction).resolve(wish.environment));
  switch (wish.how) {
    case api::OBJECT_CREATION_TYPE_EPHEMERAL:
      if (!wish.name.empty()) {
        return error(Code::InvalidArgument, "{} '{}': an ephemeral one has no name", kind.noun, wish.name);
      }
      return insert(transaction, kind, wish, environment);
    case api::OBJECT_CREATION_TYPE_UNSPECIFIED:
    case api::OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
    case api::OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS:
      break;
    default:
      return error(
          Code::InvalidArgument, "{} '{}' can't be made by {}", kind.noun, wish.name,
          api::ObjectCreationType_Name(wish.how));
  }
  TRY(auto standing,
      ObjectTable(transaction).find_named(std::string(kind.prefix), environment.environment_id, wish.name));
  if (standing && wish.how == api::OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS) {
    return error(Code::AlreadyExists, "{} '{}' exists in environment '{}'", kind.noun, wish.name, environment.name);
  }
  if (standing) return GottenObject{*std::move(standing), false};
  if (wish.how == api::OBJECT_CREATION_TYPE_UNSPECIFIED) return missing(kind, wish.name, environment);
  TRY_VOID(check_object_name(kind, wish.name));
  return insert(transaction, kind, wish, environment);
}

Result<Object> require_object(Transaction& transaction, const ObjectKind& kind, const std::string& id) {
  TRY(auto object, ObjectTable(transaction).find(std::string(kind.prefix), id, unix_now()));
  if (object) return *std::move(object);
  return error(
      Code::NotFound, "{} {} not found; it was deleted, or was ephemeral and its client is gone", kind.noun, id);
}

Result<void> heartbeat_object(Transaction& transaction, const ObjectKind& kind, const std::string& id) {
  TRY(Object object, require_object(transaction, kind, id));
  if (object.expires_at == 0) return {};
  return ObjectTable(transaction).set_expiry(id, unix_now() + kEphemeralLife);
}

Result<void> remove_object(Transaction& transaction, const ObjectKind& kind, const std::string& id) {
  TRY_VOID(require_object(transaction, kind, id));
  return ObjectTable(transaction).remove(id);
}

Result<ObjectPage> list_objects(
    Transaction& transaction, const ObjectKind& kind, const std::string& environment_name,
    const api::ListPagination& pagination) {
  TRY(auto environment, EnvironmentTable(transaction).resolve(environment_name));
  const double before =
      pagination.created_before() > 0 ? pagination.created_before() : std::numeric_limits<double>::max();
  const int limit = pagination.max_objects() > 0 ? std::min(pagination.max_objects(), kPage) : kPage;
  ObjectPage page;
  page.environment = environment.name;
  TRY(page.objects, ObjectTable(transaction).list(std::string(kind.prefix), environment.environment_id, before, limit));
  return page;
}

}  // namespace bimodal::control

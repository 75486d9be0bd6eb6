#include "control/sandboxes.h"

#include <algorithm>

#include "base/ids.h"
#include "control/app_records.h"
#include "control/clock.h"
#include "scheduler/functions.h"
#include "store/environment_table.h"

namespace bimodal::control {
namespace {

using namespace std::chrono_literals;
using Kind = runtime::CommandOutcome::Kind;
using Result_ = api::GenericResult;

// Clients take an id of 22 characters for a V1 sandbox's, and any other for a V2 one's.
constexpr std::size_t kLongIdSize = 26;
constexpr int kPage = 100;
constexpr auto kMaxWait = 55s;
constexpr auto kRoomPatience = 10s;  // for idle containers to give way
constexpr auto kEndPatience = 5s;    // a terminated one is gone long before
constexpr std::size_t kMaxName = 64, kMaxTag = 256;

Result<void> check_caller(const rpc::Call& call) {
  if (call.caller.kind == rpc::Caller::Kind::Client) return {};
  return error(
      Code::PermissionDenied,
      "{}: a container can't start or reach sandboxes on this server: create them where the client runs", call.rpc);
}

template <typename Tags>
Result<std::map<std::string, std::string>> tags_of(const Tags& sent) {
  std::map<std::string, std::string> tags;
  for (const api::SandboxTag& tag : sent) {
    if (tag.tag_name().empty() || tag.tag_name().size() > kMaxTag || tag.tag_value().size() > kMaxTag) {
      return error(Code::InvalidArgument, "sandbox: a tag has a name, and at most {} bytes", kMaxTag);
    }
    tags[tag.tag_name()] = tag.tag_value();
  }
  if (tags.size() <= Sandboxes::kMaxTags) return tags;
  return error(Code::InvalidArgument, "sandbox: {} tags, more than {}", tags.size(), Sandboxes::kMaxTags);
}

bool has_tags(const Sandboxes::Entry& entry, const std::map<std::string, std::string>& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& tag) {
    auto found = entry.tags.find(tag.first);
    return found != entry.tags.end() && found->second == tag.second;
  });
}

}  // namespace

Sandboxes::Sandboxes(Context& context, Planner& planner, const RouterTokens& tokens, rpc::Service& service)
    : context_(context), planner_(planner), tokens_(tokens) {
  service.mutation("SandboxCreate", this, &Sandboxes::create);
  service.mutation("SandboxCreateV2", this, &Sandboxes::create_v2);
  service.mutation("SandboxTerminate", this, &Sandboxes::terminate);
  service.mutation("SandboxTerminateV2", this, &Sandboxes::terminate);
  service.mutation("SandboxTagsSet", this, &Sandboxes::set_tags);
  service.mutation("SandboxTagsSetV2", this, &Sandboxes::set_tags);
  service.mutation("SandboxSetName", this, &Sandboxes::set_name);
  service.query("SandboxGetTaskId", this, &Sandboxes::get_task_id);
  service.query("SandboxGetTaskIdV2", this, &Sandboxes::get_task_id);
  service.query("SandboxWait", this, &Sandboxes::wait);
  service.query("SandboxWaitV2", this, &Sandboxes::wait);
  service.query("SandboxList", this, &Sandboxes::list);
  service.query("SandboxListV2", this, &Sandboxes::list);
  service.query("SandboxGetFromName", this, &Sandboxes::get_from_name);
  service.query("SandboxGetFromNameV2", this, &Sandboxes::get_from_name);
  service.query("SandboxTagsGet", this, &Sandboxes::get_tags);
  service.query("SandboxTagsGetV2", this, &Sandboxes::get_tags);
  service.query("SandboxGetCommandRouterAccess", this, &Sandboxes::access);
}

Result<Sandboxes::Entry*> Sandboxes::find(const std::string& sandbox_id) {
  auto found = entries_.find(sandbox_id);
  if (found != entries_.end() && found->second.container) return &found->second;
  return error(
      Code::NotFound, "no sandbox {}: it ended some time ago, or with an earlier run of this server", sandbox_id);
}

Sandboxes::Container Sandboxes::find_by_task(const std::string& task_id) const {
  for (const auto& [id, entry] : entries_) {
    if (entry.container && entry.container->task_id() == task_id) return entry.container;
  }
  return nullptr;
}

api::GenericResult Sandboxes::result_of(const runtime::CommandOutcome& outcome) {
  api::GenericResult result;
  result.set_exitcode(outcome.exit_code);
  switch (outcome.kind) {
    case Kind::Exited:
      result.set_status(outcome.exit_code == 0 ? Result_::GENERIC_STATUS_SUCCESS : Result_::GENERIC_STATUS_FAILURE);
      break;
    case Kind::Terminated:
      result.set_status(Result_::GENERIC_STATUS_TERMINATED);
      break;
    case Kind::TimedOut:
      result.set_status(Result_::GENERIC_STATUS_TIMEOUT);
      break;
    case Kind::Idle:
      result.set_status(Result_::GENERIC_STATUS_IDLE_TIMEOUT);
      break;
    case Kind::OutOfMemory:
      result.set_status(Result_::GENERIC_STATUS_KERNEL_OOM_KILL);
      result.set_exception("out of memory: raise `memory`");
      break;
  }
  return result;
}

void Sandboxes::forget_old() {
  std::vector<const Entry*> ended;
  for (const auto& [id, entry] : entries_) {
    if (!entry.runs()) ended.push_back(&entry);
  }
  if (ended.size() <= kEndedKept) return;
  std::ranges::sort(ended, {}, &Entry::number);
  ended.resize(ended.size() - kEndedKept);
  for (const Entry* entry : ended) entries_.erase(std::string(entry->sandbox_id));
}

Result<void> Sandboxes::check_name(const std::string& app_id, const std::string& name) const {
  if (name.size() > kMaxName) return error(Code::InvalidArgument, "sandbox: name= has more than {} bytes", kMaxName);
  for (const auto& [id, entry] : entries_) {
    if (name.empty() || entry.name != name || entry.app_id != app_id || !entry.runs()) continue;
    return error(Code::AlreadyExists, "a sandbox '{}' of this app runs already: {}", name, entry.sandbox_id);
  }
  return {};
}

// The app is looked at once more when the container can be found by whoever stops it.
Task<Result<Sandboxes::Container>> Sandboxes::start_container(SandboxWish wish) {
  const std::string app_id = wish.app_id;
  const Deadline patience = Deadline::after(kRoomPatience);
  auto entering = context_.functions->admit(guest_of(wish), patience, scheduler::HostGuest::InVain::Refused);
  CO_TRY(auto room, co_await std::move(entering));
  CO_TRY(auto plan, co_await plan_sandbox(context_, planner_, std::move(wish)));
  plan.room = std::move(room);
  CO_TRY(auto container, co_await context_.containers->run_command(std::move(plan)));
  auto check = [app_id](store::Transaction& transaction) { return require_running_app(transaction, app_id); };
  const auto app = co_await context_.transact(std::move(check));
  if (app) co_return container;
  container->kill();
  co_return tl::unexpected<Error>(app.error());
}

Task<Result<Sandboxes::Entry>> Sandboxes::start(
    rpc::Call call, SandboxWish wish, std::map<std::string, std::string> tags) {
  CO_TRY_VOID(check_caller(call));
  CO_TRY_VOID(check_sandbox(wish.definition, context_.settings));
  auto load = [app_id = wish.app_id](store::Transaction& transaction) {
    return require_running_app(transaction, app_id);
  };
  CO_TRY(const store::App app, co_await context_.transact(std::move(load)));
  forget_old();
  CO_TRY_VOID(check_name(wish.app_id, wish.definition.name()));
  wish.environment = app.environment;
  wish.app_name = app.shown_name();
  Entry entry;
  entry.number = next_number_++;
  entry.sandbox_id = wish.sandbox_id;
  entry.app_id = wish.app_id;
  entry.environment = wish.environment;
  entry.name = wish.definition.name();
  entry.image_id = wish.definition.image_id();
  entry.tags = std::move(tags);
  entry.timeout_secs = wish.definition.timeout_secs();
  entry.created_at = unix_now();
  entries_.emplace(entry.sandbox_id, entry);
  auto container = co_await start_container(std::move(wish));
  if (!container) {
    entries_.erase(entry.sandbox_id);
    co_return tl::unexpected<Error>(container.error());
  }
  entry.container = *container;
  entries_.at(entry.sandbox_id).container = *container;
  co_return entry;
}

Task<Result<api::SandboxCreateResponse>> Sandboxes::create(rpc::Call call, api::SandboxCreateRequest request) {
  CO_TRY(auto tags, tags_of(request.tags()));
  SandboxWish wish;
  wish.sandbox_id = new_id("sb");
  wish.app_id = request.app_id();
  wish.secrets = secrets_of(request);
  wish.definition = std::move(*request.mutable_definition());
  CO_TRY(const Entry entry, co_await start(std::move(call), std::move(wish), std::move(tags)));
  api::SandboxCreateResponse response;
  response.set_sandbox_id(entry.sandbox_id);
  *response.mutable_metadata() = metadata_of(entry);
  co_return response;
}

Task<Result<api::SandboxCreateV2Response>> Sandboxes::create_v2(rpc::Call call, api::SandboxCreateV2Request request) {
  CO_TRY(auto tags, tags_of(request.tags()));
  SandboxWish wish;
  wish.sandbox_id = "sb-" + random_text(kLongIdSize);
  wish.app_id = request.app_id();
  wish.secrets = secrets_of(request);
  wish.definition = std::move(*request.mutable_definition());
  CO_TRY(const Entry entry, co_await start(call, std::move(wish), std::move(tags)));
  api::SandboxCreateV2Response response;
  response.set_sandbox_id(entry.sandbox_id);
  response.set_task_id(entry.container->task_id());
  *response.mutable_metadata() = metadata_of(entry);
  const auto access = tokens_.issue(call, entry.container->task_id());
  if (access) *response.mutable_command_router_access() = *access;
  co_return response;
}

api::SandboxHandleMetadata Sandboxes::metadata_of(const Entry& entry) const {
  api::SandboxHandleMetadata metadata;
  metadata.set_app_id(entry.app_id);
  const auto& outcome = entry.container->outcome();
  if (outcome) *metadata.mutable_result() = result_of(*outcome);
  return metadata;
}

Task<Result<api::SandboxGetTaskIdResponse>> Sandboxes::get_task_id(
    rpc::Call call, api::SandboxGetTaskIdRequest request) {
  CO_TRY_VOID(check_caller(call));
  CO_TRY(const Entry* entry, find(request.sandbox_id()));
  api::SandboxGetTaskIdResponse response;
  response.set_task_id(entry->container->task_id());
  const auto& outcome = entry->container->outcome();
  if (outcome) *response.mutable_task_result() = result_of(*outcome);
  co_return response;
}

Task<Result<api::SandboxWaitResponse>> Sandboxes::wait(rpc::Call call, api::SandboxWaitRequest request) {
  CO_TRY_VOID(check_caller(call));
  CO_TRY(const Entry* found, find(request.sandbox_id()));
  const Entry entry = *found;
  if (request.timeout() > 0) {
    const auto hold = std::chrono::milliseconds(static_cast<std::int64_t>(std::min(request.timeout(), 1e6f) * 1000));
    co_await entry.container->wait(
        Deadline::after(std::min<std::chrono::milliseconds>(hold, kMaxWait)).or_earlier(call.deadline));
  }
  api::SandboxWaitResponse response;
  *response.mutable_metadata() = metadata_of(entry);
  const auto& outcome = entry.container->outcome();
  if (outcome) *response.mutable_result() = result_of(*outcome);
  co_return response;
}

Task<Result<api::SandboxTerminateResponse>> Sandboxes::terminate(rpc::Call call, api::SandboxTerminateRequest request) {
  CO_TRY_VOID(check_caller(call));
  CO_TRY(const Entry* found, find(request.sandbox_id()));
  const Container container = found->container;
  api::SandboxTerminateResponse response;
  if (container->outcome()) *response.mutable_existing_result() = result_of(*container->outcome());
  container->kill();
  co_await container->wait(Deadline::after(kEndPatience));
  co_return response;
}

api::SandboxInfo Sandboxes::describe(const Entry& entry) const {
  api::SandboxInfo info;
  info.set_id(entry.sandbox_id);
  info.set_created_at(entry.created_at);
  info.set_app_id(entry.app_id);
  info.set_name(entry.name);
  info.set_image_id(entry.image_id);
  info.set_timeout_secs(entry.timeout_secs);
  for (const auto& [name, value] : entry.tags) {
    auto& tag = *info.add_tags();
    tag.set_tag_name(name);
    tag.set_tag_value(value);
  }
  info.mutable_task_info()->set_id(entry.container->task_id());
  info.mutable_task_info()->set_sandbox_id(entry.sandbox_id);
  info.mutable_task_info()->set_started_at(entry.created_at);
  const auto& outcome = entry.container->outcome();
  if (outcome) *info.mutable_task_info()->mutable_result() = result_of(*outcome);
  *info.mutable_metadata() = metadata_of(entry);
  return info;
}

// Pages, newest first: a client goes on with those made before the last one it got.
Task<Result<api::SandboxListResponse>> Sandboxes::list(rpc::Call call, api::SandboxListRequest request) {
  CO_TRY_VOID(check_caller(call));
  CO_TRY(const auto tags, tags_of(request.tags()));
  std::string environment = request.environment_name();
  if (request.app_id().empty()) {
    auto resolve = [environment](store::Transaction& transaction) {
      return store::EnvironmentTable(transaction).resolve(environment);
    };
    CO_TRY(auto resolved, co_await context_.transact(std::move(resolve)));
    environment = resolved.name;
  }
  std::vector<const Entry*> fitting;
  for (const auto& [id, entry] : entries_) {
    if (!entry.container || (!entry.runs() && !request.include_finished())) continue;
    const bool placed = request.app_id().empty() ? entry.environment == environment : entry.app_id == request.app_id();
    const bool in_time = request.before_timestamp() == 0 || entry.created_at < request.before_timestamp();
    if (placed && in_time && has_tags(entry, tags)) fitting.push_back(&entry);
  }
  std::ranges::sort(fitting, std::greater(), &Entry::number);
  api::SandboxListResponse response;
  for (const Entry* entry : fitting) {
    if (response.sandboxes_size() == kPage) break;
    *response.add_sandboxes() = describe(*entry);
  }
  co_return response;
}

Task<Result<api::SandboxGetFromNameResponse>> Sandboxes::get_from_name(
    rpc::Call call, api::SandboxGetFromNameRequest request) {
  CO_TRY_VOID(check_caller(call));
  auto look_up = [request](store::Transaction& transaction) -> Result<std::string> {
    TRY(auto environment, store::EnvironmentTable(transaction).resolve(request.environment_name()));
    TRY(auto app, store::AppTable(transaction).find_deployed(environment.environment_id, request.app_name()));
    if (app) return app->app_id;
    return error(Code::NotFound, "no app '{}' in environment '{}'", request.app_name(), environment.name);
  };
  CO_TRY(const std::string app_id, co_await context_.transact(std::move(look_up)));
  const Entry* best = nullptr;
  for (const auto& [id, entry] : entries_) {
    if (!entry.container || entry.app_id != app_id || entry.name != request.sandbox_name()) continue;
    if (!entry.runs() && !request.include_terminated()) continue;
    if (best == nullptr || best->number < entry.number) best = &entry;
  }
  if (best == nullptr) {
    co_return error(Code::NotFound, "no sandbox '{}' of app '{}' runs", request.sandbox_name(), request.app_name());
  }
  api::SandboxGetFromNameResponse response;
  response.set_sandbox_id(best->sandbox_id);
  *response.mutable_metadata() = metadata_of(*best);
  co_return response;
}

Task<Result<api::SandboxTagsGetResponse>> Sandboxes::get_tags(rpc::Call call, api::SandboxTagsGetRequest request) {
  CO_TRY_VOID(check_caller(call));
  CO_TRY(const Entry* entry, find(request.sandbox_id()));
  api::SandboxTagsGetResponse response;
  *response.mutable_tags() = describe(*entry).tags();
  co_return response;
}

Task<Result<Sandboxes::Empty>> Sandboxes::set_tags(rpc::Call call, api::SandboxTagsSetRequest request) {
  CO_TRY_VOID(check_caller(call));
  CO_TRY(auto tags, tags_of(request.tags()));
  CO_TRY(Entry * entry, find(request.sandbox_id()));
  entry->tags = std::move(tags);
  co_return Empty();
}

Task<Result<api::SandboxSetNameResponse>> Sandboxes::set_name(rpc::Call call, api::SandboxSetNameRequest request) {
  CO_TRY_VOID(check_caller(call));
  CO_TRY(Entry * entry, find(request.sandbox_id()));
  if (entry->name == request.name()) co_return api::SandboxSetNameResponse();
  if (!entry->name.empty() || !entry->runs()) {
    co_return error(
        Code::FailedPrecondition, "sandbox {} {}", entry->sandbox_id,
        entry->runs() ? "has a name already: " + entry->name : std::string("has ended"));
  }
  CO_TRY_VOID(check_name(entry->app_id, request.name()));
  entry->name = request.name();
  co_return api::SandboxSetNameResponse();
}

// Also of one that has ended: what it wrote is read with it.
Task<Result<api::SandboxGetCommandRouterAccessResponse>> Sandboxes::access(
    rpc::Call call, api::SandboxGetCommandRouterAccessRequest request) {
  CO_TRY_VOID(check_caller(call));
  std::string task_id = request.task_id();
  if (!request.sandbox_id().empty()) {
    CO_TRY(const Entry* entry, find(request.sandbox_id()));
    task_id = entry->container->task_id();
  } else if (!context_.containers->find(task_id)) {
    co_return error(Code::NotFound, "no container {} runs", task_id);
  }
  CO_TRY(const auto access, tokens_.issue(call, task_id));
  api::SandboxGetCommandRouterAccessResponse response;
  response.set_jwt(access.jwt());
  response.set_url(access.url());
  co_return response;
}

}  // namespace bimodal::control

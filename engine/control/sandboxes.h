// Sandboxes (protocol §10.11): SandboxCreate, SandboxGetTaskId, SandboxWait, SandboxTerminate, SandboxList,
// SandboxGetFromName, SandboxTagsGet, SandboxTagsSet and their V2 forms, SandboxSetName,
// SandboxGetCommandRouterAccess. Loop-bound.
//
// A sandbox is a container that runs a command of a client's in an image, for an app. It is known to this run of the
// daemon only: it ends with it, and is unknown to the next. Both kinds that clients tell apart (V1, V2) are the same
// thing here, with ids of different shapes.
//
// Bounds: runtime::ContainersConfig::max_commands that run; of those that ended, the last kEndedKept with what they
// wrote.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/api.h"
#include "control/context.h"
#include "control/router_tokens.h"
#include "control/sandbox_plan.h"
#include "rpc/service.h"
#include "runtime/command_container.h"

namespace bimodal::control {

class Sandboxes {
 public:
  static constexpr std::size_t kEndedKept = 100;
  static constexpr std::size_t kMaxTags = 32;

  Sandboxes(Context& context, Planner& planner, const RouterTokens& tokens, rpc::Service& service);

  using Container = std::shared_ptr<runtime::CommandContainer>;
  struct Entry {
    std::uint64_t number = 0;  // in the order of their creation
    std::string sandbox_id, app_id, environment, name, image_id;
    std::map<std::string, std::string> tags;
    std::uint32_t timeout_secs = 0;
    double created_at = 0;          // Unix seconds
    Container container = {};       // null while it starts
    std::uint32_t input_index = 0;  // of V1's last piece of input
    bool runs() const { return !container || !container->outcome(); }
  };
  // NotFound names the id. Good until the next co_await.
  Result<Entry*> find(const std::string& sandbox_id);
  // By the id of its container; also one that ended. Null when there is none.
  Container find_by_task(const std::string& task_id) const;

  static api::GenericResult result_of(const runtime::CommandOutcome& outcome);

 private:
  using Empty = rpc::Empty;
  Task<Result<api::SandboxCreateResponse>> create(rpc::Call call, api::SandboxCreateRequest request);
  Task<Result<api::SandboxCreateV2Response>> create_v2(rpc::Call call, api::SandboxCreateV2Request request);
  Task<Result<api::SandboxGetTaskIdResponse>> get_task_id(rpc::Call call, api::SandboxGetTaskIdRequest request);
  Task<Result<api::SandboxWaitResponse>> wait(rpc::Call call, api::SandboxWaitRequest request);
  Task<Result<api::SandboxTerminateResponse>> terminate(rpc::Call call, api::SandboxTerminateRequest request);
  Task<Result<api::SandboxListResponse>> list(rpc::Call call, api::SandboxListRequest request);
  Task<Result<api::SandboxGetFromNameResponse>> get_from_name(rpc::Call call, api::SandboxGetFromNameRequest request);
  Task<Result<api::SandboxTagsGetResponse>> get_tags(rpc::Call call, api::SandboxTagsGetRequest request);
  Task<Result<Empty>> set_tags(rpc::Call call, api::SandboxTagsSetRequest request);
  Task<Result<api::SandboxSetNameResponse>> set_name(rpc::Call call, api::SandboxSetNameRequest request);
  Task<Result<api::SandboxGetCommandRouterAccessResponse>> access(
      rpc::Call call, api::SandboxGetCommandRouterAccessRequest request);

  Task<Result<Entry>> start(rpc::Call call, SandboxWish wish, std::map<std::string, std::string> tags);
  Task<Result<Container>> start_container(SandboxWish wish);
  Result<void> check_name(const std::string& app_id, const std::string& name) const;
  void forget_old();
  api::SandboxInfo describe(const Entry& entry) const;
  api::SandboxHandleMetadata metadata_of(const Entry& entry) const;

  Context& context_;
  Planner& planner_;
  const RouterTokens& tokens_;
  std::map<std::string, Entry> entries_;  // by id
  std::uint64_t next_number_ = 0;
};

}  // namespace bimodal::control

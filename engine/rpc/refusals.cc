#include "rpc/refusals.h"

#include <array>

namespace bimodal::rpc {
namespace {

struct Refusal {
  std::string_view prefix;  // of the RPC's name; the first that fits counts
  std::string_view sentence;
  Code code = Code::Unimplemented;
};

constexpr std::string_view kInputPlane = "calls go through this server's one address; it has no input plane";
constexpr std::string_view kRoles =
    "this server has one user, whose token allows everything: there are no roles or members";
constexpr std::string_view kBilling = "nothing is billed on this server";
constexpr std::string_view kSnapshots = "memory snapshots are not available on this server: start a fresh one instead";

constexpr std::array kRefusals = {
    Refusal{"SharedVolume", "network file systems are not available on this server: use modal.Volume instead"},
    Refusal{
        "TokenFlow",
        "this server hands out no tokens in a browser: `bimodal env` prints its token, and `modal token set --token-id "
        "ID "
        "--token-secret SECRET` stores it"},
    Refusal{"TokenDelete", "this server has one token, in its home directory under keys/"},
    Refusal{"TokenDisable", "this server has one token, in its home directory under keys/"},
    Refusal{"TokenEnable", "this server has one token, in its home directory under keys/"},
    Refusal{"TokensList", "this server has one token: `modal token info` tells its id"},
    Refusal{"Attempt", kInputPlane},
    Refusal{"MapAwait", kInputPlane},
    Refusal{"MapCheckInputs", kInputPlane},
    Refusal{"MapStartOrContinue", kInputPlane},
    Refusal{"Cluster", "functions that span several machines are not available on this server"},
    Refusal{"TaskCluster", "functions that span several machines are not available on this server"},
    Refusal{"Endpoint", "managed model endpoints are not available on this server: deploy the model as a function"},
    Refusal{"EnvironmentBilling", kBilling},
    Refusal{"EnvironmentGetBudget", kBilling},
    Refusal{"EnvironmentSetBudget", kBilling},
    Refusal{"EnvironmentGetManaged", kRoles},
    Refusal{"EnvironmentSetManaged", kRoles},
    Refusal{"EnvironmentGetRoles", kRoles},
    Refusal{"EnvironmentRoleSet", kRoles},
    Refusal{"EnvironmentSetDefaultMemberRole", kRoles},
    Refusal{"ServiceUser", kRoles},
    Refusal{"UserGroup", kRoles},
    Refusal{"WorkspaceMembers", kRoles},
    Refusal{"WorkspaceBilling", kBilling},
    Refusal{"Notebook", "notebooks are not available on this server"},
    Refusal{"Template", "there are no templates on this server"},
    Refusal{
        "ProxyGet",
        "there are no proxies on this server: leave proxy= out, traffic leaves from the server's own address",
        Code::NotFound},
    Refusal{"Proxy", "there are no proxies on this server: traffic leaves from the server's own address"},
    Refusal{"FunctionAsyncInvoke", "use a client release that calls FunctionMap"},
    Refusal{"VolumeGetFile", "use a client release that calls VolumeGetFile2"},
    Refusal{"SandboxRestore", kSnapshots},
    Refusal{"SandboxSnapshot", kSnapshots},
    Refusal{"SandboxGetExitSnapshot", kSnapshots},
};

}  // namespace

Error refusal_of(std::string_view rpc) {
  for (const Refusal& refusal : kRefusals) {
    if (!rpc.starts_with(refusal.prefix)) continue;
    return {refusal.code, fmt::format("{} is not served: {}", rpc, refusal.sentence)};
  }
  return {Code::Unimplemented, fmt::format("{} is not available on this server", rpc)};
}

}  // namespace bimodal::rpc

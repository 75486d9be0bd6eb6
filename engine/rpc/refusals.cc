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
constexpr std::string_view kTunnels =
    "sandboxes have no tunnels on this server: serve HTTP from a function with @modal.web_server() instead";
constexpr std::string_view kSidecars = "sandboxes have one container each on this server: create another sandbox";
constexpr std::string_view kFileSnapshots =
    "snapshots of files are not available on this server: keep what is to stay in a modal.Volume";
constexpr std::string_view kMounts =
    "images can't be mounted in a running sandbox on this server: use one image that has it all";
constexpr std::string_view kPolicies =
    "the network of a running sandbox can't be changed on this server: block_network= is set when it is created";
constexpr std::string_view kFiles =
    "the file API of sandboxes is not available on this server: use sandbox.exec(\"cat\", path), or a modal.Volume";
constexpr std::string_view kSnapshots = "memory snapshots are not available on this server: start a fresh one instead";
constexpr std::string_view kUnusedNow = "no supported client release calls it: install modal 1.5.4 or newer";
constexpr std::string_view kStatistics =
    "this server keeps no statistics over time: `bimodal status` and `modal container list` tell what runs now";
constexpr std::string_view kFlash = "this server routes to containers by itself: use @app.server or @modal.web_server";
constexpr std::string_view kDomains =
    "domains need no registration on this server: name them in custom_domains=[…] and point their DNS at it";
constexpr std::string_view kImageNames =
    "images have no names on this server: keep the image's definition in the app, or its id for Image.from_id()";

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
    Refusal{
        "FunctionRetryInputs",
        "this server runs failed and lost inputs again by itself, as retries= of their function says"},
    Refusal{"FunctionAsyncInvoke", "use a client release that calls FunctionMap"},
    Refusal{"VolumeGetFile", "use a client release that calls VolumeGetFile2"},
    Refusal{"ImagePublish", kImageNames},
    Refusal{"ImageGetByTag", kImageNames},
    Refusal{"ImageListTags", kImageNames},
    Refusal{"ImageTagRevisions", kImageNames},
    Refusal{
        "ImageBuildChainGet", "what a build says is shown while it runs, and not kept: force_build=True runs it again"},
    Refusal{"SandboxRestore", kSnapshots},
    Refusal{"SandboxSnapshotFs", kFileSnapshots},
    Refusal{"SandboxGetTunnels", kTunnels},
    Refusal{"SandboxCreateConnectToken", kTunnels},
    Refusal{"SandboxContainerCreate", kSidecars},
    Refusal{
        "PersistentSandbox",
        "sandboxes that outlive their container are not available on this server: keep files in a modal.Volume"},
    Refusal{"SandboxGetStats", kStatistics},
    Refusal{"SandboxGetTimeRangeStats", kStatistics},
    Refusal{"SandboxGetResourceUsage", kStatistics},
    Refusal{
        "SandboxWaitUntilReady", "sandboxes have no readiness probes on this server: wait for a line of their output"},
    Refusal{"TaskSnapshotMemory", kSnapshots},
    Refusal{"TaskSnapshot", kFileSnapshots},
    Refusal{"TaskMountDirectory", kMounts},
    Refusal{"TaskUnmountDirectory", kMounts},
    Refusal{"TaskContainer", kSidecars},
    Refusal{"TaskSetNetworkAccess", kPolicies},
    Refusal{"TaskSetOutboundPolicy", kPolicies},
    Refusal{"TaskExecStdinWriteStream", kFiles},
    Refusal{"ContainerFilesystemExec", kFiles},
    Refusal{"SandboxSnapshot", kSnapshots},
    Refusal{"SandboxGetExitSnapshot", kSnapshots},
    Refusal{"ContainerCheckpoint", kSnapshots},
    Refusal{"SandboxSetOutboundPolicy", kPolicies},
    Refusal{"AppDeploy", kUnusedNow},
    Refusal{"AppGetObjects", kUnusedNow},
    Refusal{"AppSetObjects", kUnusedNow},
    Refusal{"AppLookup", kUnusedNow},
    Refusal{"AppGetInfo", "`modal app list` tells name, state and number of containers"},
    Refusal{"AppGetTimeRangeStats", kStatistics},
    Refusal{"FunctionGetTimeRangeStats", kStatistics},
    Refusal{"ServerGetTimeRangeStats", kStatistics},
    Refusal{"FunctionGetMetrics", kStatistics},
    Refusal{"ServerGetMetrics", kStatistics},
    Refusal{"MetricsGetInfo", kStatistics},
    Refusal{"ServerCountRequests", kStatistics},
    Refusal{"ServerRequestFetch", "requests are not kept on this server: `modal app logs` shows what they printed"},
    Refusal{"FunctionCallCount", kStatistics},
    Refusal{"FunctionCallFetch", "calls are not listed on this server: keep the id and use modal.FunctionCall.from_id"},
    Refusal{"FunctionCallList", "calls are not listed on this server: keep the id and use modal.FunctionCall.from_id"},
    Refusal{"FunctionListVariants", "variants are not listed on this server: `modal container list` tells what runs"},
    Refusal{"FunctionBlobGet", "use a client release that calls BlobGet"},
    Refusal{"FunctionGetSerialized", kUnusedNow},
    Refusal{"FunctionGetFlashAuthToken", kFlash},
    Refusal{"Flash", kFlash},
    Refusal{
        "FunctionStartPtyShell",
        "a running function can't be interrupted by a shell: use `modal shell <container id>`"},
    Refusal{"AuditLog", "this server keeps no audit log"},
    Refusal{"CliCommandSuggest", "`modal --help` lists the commands"},
    Refusal{"ObjectSuggest", "the commands `modal app|volume|secret|dict|queue list` tell what exists"},
    Refusal{"ContainerFilesystem", kFiles},
    Refusal{"ContainerExec", "use a client release that calls the command router: modal 1.5.4 or newer"},
    Refusal{"ContainerLog", kUnusedNow},
    Refusal{"ContainerReloadVolumes", kUnusedNow},
    Refusal{
        "CurlGetAuthToken", "use curl itself: an endpoint of this server asks for nothing but its own proxy tokens"},
    Refusal{"Domain", kDomains},
    Refusal{"ImageNameDelete", kImageNames},
    Refusal{"TaskCurrentInputs", kUnusedNow},
    Refusal{"WorkspaceSetDefaultEnvironmentSettings", kRoles},
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

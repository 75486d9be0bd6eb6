#include "server/account.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "async/accept.h"
#include "control/registry.h"
#include "runtime/containers.h"
#include "server/home_socket.h"

namespace bimodal::server {

using nlohmann::json;

namespace {

constexpr const char* kName = "account.sock";
constexpr timeval kPatience{5, 0};
constexpr std::size_t kLargest = 16 << 20;  // bytes of an account

json urls_of(const control::PublishedApp& app) {
  json urls = json::array();
  for (const auto& function : app.functions) {
    for (const auto& method : function->web_methods) urls.push_back(method.url);
  }
  return urls;
}

std::string state_of(const runtime::TaskInfo& task) {
  if (task.draining) return "draining";
  return task.started_at == std::chrono::system_clock::time_point() ? "starting" : "warm";
}

}  // namespace

std::string account_of(
    const control::Registry& registry, const runtime::Containers& containers,
    const scheduler::HostCapacity::Account& host, const std::vector<gateway::TrafficSummary>& traffic,
    const std::string& unenforced_limits, const DomainAccount& domains) {
  json apps = json::array(), tasks = json::array();
  for (const control::PublishedApp& app : registry.running()) {
    std::string environment = app.functions.empty() ? "" : app.functions.front()->environment;
    apps.push_back(
        {{"app_id", app.app_id},
         {"name", app.name},
         {"environment", environment},
         {"state", app.ephemeral ? "ephemeral" : "deployed"},
         {"urls", urls_of(app)}});
  }
  for (const runtime::TaskInfo& task : containers.list()) {
    auto function = registry.function(task.function_id);
    tasks.push_back(
        {{"task_id", task.task_id},
         {"app_id", task.app_id},
         {"function", function                   ? function->tag
                      : task.function_id.empty() ? "(sandbox)"
                                                 : task.function_id},
         {"state", state_of(task)}});
  }
  json standbys = json::array();
  for (const runtime::StandbyInfo& standby : containers.standbys()) {
    standbys.push_back(
        {{"app_id", standby.app_id},
         {"state", standby.ready ? (standby.parked ? "parked" : "ready") : "loading"},
         {"unforked", standby.unforked}});
  }
  const json room{
      {"memory_mb", host.total.memory_mb},
      {"reserved_memory_mb", host.used.memory_mb},
      {"cpu_milli", host.total.cpu_milli},
      {"reserved_cpu_milli", host.used.cpu_milli},
      {"waiting", host.waiting}};
  json functions = json::array();
  for (const gateway::TrafficSummary& one : traffic) {
    functions.push_back(
        {{"environment", one.names.environment},
         {"app", one.names.app},
         {"function", one.names.function},
         {"requests", one.requests},
         {"server_errors", one.server_errors},
         {"p50_ms", one.p50_s * 1000},
         {"p99_ms", one.p99_s * 1000}});
  }
  return json{
      {"apps", apps},
      {"containers", tasks},
      {"standbys", standbys},
      {"host", room},
      {"functions", functions},
      {"unenforced_limits", unenforced_limits},
      {"edge", domains_of(registry, domains)}}
      .dump();
}

Result<UniqueFd> listen_for_account(const std::filesystem::path& home) {
  return listen_in(home, kName, SOCK_STREAM);
}

Task<void> serve_account(UniqueFd listener, std::function<std::string()> account) {
  // The kernel takes an account of ordinary size at once; a reader of a huge one that is slow gets a part, which it
  // then refuses as garbled. It never holds the loop.
  auto answer = [account = std::move(account)](UniqueFd connection) {
    std::string text = account();
    int room = static_cast<int>(std::min(text.size() + 1, kLargest));
    ::setsockopt(connection.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    [[maybe_unused]] auto sent = ::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL);
  };
  co_await accept_connections(std::move(listener), kName, std::move(answer));
}

Result<std::string> ask_account(const std::filesystem::path& home) {
  TRY(const UniqueFd socket, connect_in(home, kName, SOCK_STREAM));
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  std::string text;
  char part[16384];
  ssize_t got = 0;
  while ((got = ::recv(socket.get(), part, sizeof part, 0)) > 0 && text.size() < kLargest) text.append(part, got);
  if (got < 0) return errno_error(errno, "reading the daemon's account");
  return text;
}

}  // namespace bimodal::server

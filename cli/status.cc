#include "cli/status.h"

#include <nlohmann/json.hpp>

#include "cli/daemon.h"
#include "server/account.h"

namespace bimodal::cli {
namespace {

using nlohmann::json;

json host_of(const HostStatus& host) {
  return {
      {"memory_mb", host.memory_mb},
      {"reserved_memory_mb", host.reserved_memory_mb},
      {"cpu_milli", host.cpu_milli},
      {"reserved_cpu_milli", host.reserved_cpu_milli},
      {"waiting", host.waiting}};
}

HostStatus read_host(const json& host) {
  return {
      .memory_mb = host.at("memory_mb"),
      .reserved_memory_mb = host.at("reserved_memory_mb"),
      .cpu_milli = host.at("cpu_milli"),
      .reserved_cpu_milli = host.at("reserved_cpu_milli"),
      .waiting = host.at("waiting").get<std::vector<std::string>>()};
}

json account_of(const DaemonStatus& status) {
  json apps = json::array(), containers = json::array();
  for (const AppStatus& app : status.apps) {
    apps.push_back(
        {{"app_id", app.app_id},
         {"name", app.name},
         {"environment", app.environment},
         {"state", app.state},
         {"urls", app.urls}});
  }
  for (const ContainerStatus& container : status.containers) {
    containers.push_back(
        {{"task_id", container.task_id},
         {"app_id", container.app_id},
         {"function", container.function},
         {"state", container.state}});
  }
  json standbys = json::array();
  for (const StandbyStatus& standby : status.standbys) {
    standbys.push_back({{"app_id", standby.app_id}, {"state", standby.state}, {"unforked", standby.unforked}});
  }
  json functions = json::array();
  for (const FunctionStatus& one : status.functions) {
    functions.push_back(
        {{"environment", one.environment},
         {"app", one.app},
         {"function", one.function},
         {"requests", one.requests},
         {"server_errors", one.server_errors},
         {"p50_ms", one.p50_ms},
         {"p99_ms", one.p99_ms}});
  }
  json certificates = json::array();
  for (const CertificateTrouble& one : status.certificates) {
    certificates.push_back({{"name", one.name}, {"reason", one.reason}});
  }
  return {
      {"failing_certificates", certificates},
      {"functions", functions},
      {"apps", apps},
      {"containers", containers},
      {"standbys", standbys},
      {"host", host_of(status.host)},
      {"unenforced_limits", status.unenforced_limits}};
}

}  // namespace

Result<void> read_account(const std::string& text, DaemonStatus& status) {
  json account = json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    for (const json& app : account.at("apps")) {
      status.apps.push_back(
          {app.at("app_id"), app.at("name"), app.at("environment"), app.at("state"),
           app.at("urls").get<std::vector<std::string>>()});
    }
    for (const json& container : account.at("containers")) {
      status.containers.push_back(
          {container.at("task_id"), container.at("app_id"), container.at("function"), container.at("state")});
    }
    for (const json& one : account.value("functions", json::array())) {
      status.functions.push_back(
          {one.at("environment"), one.at("app"), one.at("function"), one.at("requests"), one.at("server_errors"),
           one.at("p50_ms"), one.at("p99_ms")});
    }
    const json edge = account.value("edge", json::object());
    for (const json& one : edge.value("certificates", json::array())) {
      if (const std::string reason = one.at("reason"); !reason.empty()) {
        status.certificates.push_back({one.at("name"), reason});
      }
    }
    status.unenforced_limits = account.value("unenforced_limits", "");
    status.host = read_host(account.at("host"));
    for (const json& standby : account.at("standbys")) {
      status.standbys.push_back({standby.at("app_id"), standby.at("state"), standby.value("unforked", "")});
    }
  } catch (const json::exception& why) {
    return error(Code::DataLoss, "the daemon's account isn't understood: {}; do versions differ?", why.what());
  }
  return {};
}

Result<DaemonStatus> ask_status(const std::filesystem::path& home) {
  DaemonStatus status;
  status.home = home;
  Result<server::DaemonInfo> info = server::read_daemon_info(home);
  if (!info) return status;
  status.info = *info;
  TRY(std::string account, server::ask_account(home));
  TRY_VOID(read_account(account, status));
  return status;
}

std::string as_text(const DaemonStatus& status) {
  if (!status.info) {
    return fmt::format("no daemon answers on {}; `bimodal up` starts one\n", status.home.string());
  }
  std::string text = fmt::format(
      "pid      {}\nversion  {}\nhome     {}\napi      {}\nweb      {}\n", status.info->pid, status.info->version,
      status.home.string(), api_url(*status.info), web_url(*status.info));
  if (!status.info->https.empty()) text += fmt::format("https    {}\n", https_url(*status.info));
  if (!status.info->admin.empty()) text += fmt::format("admin    {}\n", admin_url(*status.info));
  if (!status.unenforced_limits.empty()) text += fmt::format("limits   {}\n", status.unenforced_limits);
  text += fmt::format("apps     {}\n", status.apps.size());
  for (const AppStatus& app : status.apps) {
    text += fmt::format("  {}  {}  {}  {}\n", app.app_id, app.state, app.environment, app.name);
    for (const std::string& url : app.urls) text += fmt::format("    {}\n", url);
  }
  for (const CertificateTrouble& one : status.certificates) {
    text += fmt::format("no certificate  {}\n", one.reason);
  }
  text += fmt::format("containers  {}\n", status.containers.size());
  for (const ContainerStatus& container : status.containers) {
    text += fmt::format("  {}  {}  {}\n", container.task_id, container.state, container.function);
  }
  if (!status.functions.empty()) text += "requests since the daemon's start\n";
  for (const FunctionStatus& one : status.functions) {
    text += fmt::format(
        "  {}  {}  {}: {}, of them 5xx {}; p50 {:.1f} ms, p99 {:.1f} ms\n", one.environment, one.app, one.function,
        one.requests, one.server_errors, one.p50_ms, one.p99_ms);
  }
  text += fmt::format("in reserve  {}\n", status.standbys.size());
  const HostStatus& host = status.host;
  text += fmt::format(
      "reserved  {} of {} MiB, {:g} of {:g} CPUs\n", host.reserved_memory_mb, host.memory_mb,
      static_cast<double>(host.reserved_cpu_milli) / 1000, static_cast<double>(host.cpu_milli) / 1000);
  for (const std::string& one : host.waiting) text += fmt::format("  waits: {}\n", one);
  return text;
}

std::string as_json(const DaemonStatus& status) {
  json out = account_of(status);
  out["running"] = status.info.has_value();
  out["home"] = status.home.string();
  if (status.info) {
    out["pid"] = status.info->pid;
    out["version"] = status.info->version;
    out["api"] = api_url(*status.info);
    out["web"] = web_url(*status.info);
    out["https"] = https_url(*status.info);
    out["authority_file"] = status.info->authority_file;
    out["admin"] = admin_url(*status.info);
    out["base_domain"] = status.info->base_domain;
    out["started_at"] = status.info->started_at;
  }
  return out.dump(2) + "\n";
}

}  // namespace bimodal::cli

#include "cli/commands.h"

#include <iostream>

#include "cli/client.h"
#include "cli/daemon.h"
#include "cli/doctor.h"
#include "cli/domain.h"
#include "cli/process.h"
#include "cli/status.h"

namespace bimodal::cli {
namespace {

// In single quotes, as any shell reads it.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

}  // namespace

Result<int> up(const Settings& settings, const Flags& flags, UpMode mode, OverRunning over) {
  if (mode == UpMode::Foreground) {
    TRY_VOID(run_daemon(settings, over));
    return 0;
  }
  TRY(server::DaemonInfo info, start_daemon(settings, flags, over));
  print_addresses(info);
  return 0;
}

Result<int> down(const Settings& settings, std::chrono::seconds patience) {
  TRY_VOID(stop_daemon(settings.daemon.home, patience));
  return 0;
}

Result<int> status(const Settings& settings, StatusFormat format) {
  TRY(DaemonStatus found, ask_status(settings.daemon.home));
  std::cout << (format == StatusFormat::Json ? as_json(found) : as_text(found));
  return found.info ? 0 : 1;
}

Result<int> doctor(const Settings& settings) {
  return print_findings(examine(settings)) ? 0 : 1;
}

Result<int> env(const Settings& settings) {
  TRY(server::DaemonInfo info, server::read_daemon_info(settings.daemon.home));
  TRY(server::Token token, server::load_token(settings.daemon.home));
  for (const auto& [name, value] : client_environment(info, token)) {
    std::cout << "export " << name << "=" << quoted(value) << "\n";
  }
  return 0;
}

Result<int> list_domains(const Settings& settings, StatusFormat format) {
  TRY(const EdgeStatus edge, ask_edge(settings.daemon.home));
  std::cout << (format == StatusFormat::Json ? as_json(edge) : as_text(edge));
  return 0;
}

Result<int> check_domain(const Settings& settings, const std::string& name, const std::string& resolver) {
  TRY(const EdgeStatus edge, ask_edge(settings.daemon.home));
  TRY(const DnsAnswer answer, look_up(probe_of(name), resolver));
  const DomainCheck check = check_domain(edge, name, answer, own_addresses());
  std::cout << check.text;
  return check.good ? 0 : 1;
}

Result<int> logs(const Settings& settings, const Flags& flags, const std::optional<std::string>& app, Follow follow) {
  if (app) {
    std::vector<std::string> words = {"app", "logs", *app};
    if (follow == Follow::Yes) words.push_back("-f");
    return tl::unexpected(run_client(settings, flags, std::move(words)));
  }
  std::string file = settings.daemon.home / "daemon.log";
  std::vector<std::string> command = {"tail", "-n", "200"};
  if (follow == Follow::Yes) command.push_back("-F");
  command.push_back(file);
  return tl::unexpected(become(std::move(command)));
}

}  // namespace bimodal::cli

#include "cli/doctor.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <set>

#include "cli/client.h"
#include "cli/process.h"
#include "cli/status.h"

namespace bimodal::cli {
namespace {

using sandbox::Finding;

Finding examine_names(const std::string& base_domain) {
  std::string name = "app-function." + base_domain;
  Finding finding{"names of URLs", false, "", "", /*essential=*/false};
  addrinfo* answer = nullptr;
  int failure = ::getaddrinfo(name.c_str(), nullptr, nullptr, &answer);
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(answer, ::freeaddrinfo);
  if (failure == 0) {
    finding.ok = true;
    finding.detail = "*." + base_domain + " resolves";
    return finding;
  }
  finding.detail = fmt::format("*.{} doesn't resolve: {}", base_domain, ::gai_strerror(failure));
  finding.remedy =
      base_domain == "localhost"
          ? "install libnss-myhostname; browsers and curl manage without, as does any request with the Host header"
          : "point a wildcard DNS record at this machine";
  return finding;
}

Finding examine_python_base() {
  Finding finding{"Python bases", false, "", "", /*essential=*/true};
  if (find_on_path("mmdebstrap")) {
    finding.ok = true;
    finding.detail = "Debian bookworm with Python 3.11, made by mmdebstrap at its first use";
  } else {
    finding.detail = "mmdebstrap isn't installed";
    finding.remedy = "apt-get install mmdebstrap";
  }
  return finding;
}

Finding examine_client(const Settings& settings) {
  Finding finding{"official client", false, "", "", /*essential=*/false};
  Result<Client> client = find_client(settings);
  finding.ok = client.has_value();
  finding.detail = client ? fmt::format("{} at {}", client->version, client->command[0]) : "none that is supported";
  if (!client) finding.remedy = client.error().message;
  return finding;
}

Finding examine_files(const Settings& settings) {
  Finding finding{"own files", false, "", "", /*essential=*/true};
  for (const auto& file : {settings.daemon.init_path, settings.daemon.runner_dir}) {
    if (::access(file.c_str(), R_OK) == 0) continue;
    finding.detail = file.string() + " is missing";
    finding.remedy = "install bimodal again";
    return finding;
  }
  finding.ok = true;
  finding.detail = "bimodal-init and runner in place";
  return finding;
}

// Of the daemon that runs, if one does: which apps' containers can't be forked, and start more slowly therefore.
std::vector<Finding> examine_reserve(const Settings& settings) {
  auto status = ask_status(settings.daemon.home);
  if (!status || !status->info) return {};
  Finding finding{"containers in reserve", true, "those of every image can be forked", "", /*essential=*/false};
  std::set<std::string> told;
  for (const StandbyStatus& standby : status->standbys) {
    if (standby.unforked.empty()) continue;
    auto app = std::find_if(
        status->apps.begin(), status->apps.end(), [&](const AppStatus& one) { return one.app_id == standby.app_id; });
    told.insert(fmt::format(
        "of {} aren't forked: {}", app == status->apps.end() ? standby.app_id : app->name, standby.unforked));
  }
  if (told.empty()) return {finding};
  finding.ok = false;
  finding.detail = fmt::format("{}", fmt::join(told, "; "));
  finding.remedy =
      "they start all the same, loaded one by one; an image that starts no thread at import has them forked";
  return {finding};
}

}  // namespace

std::vector<Finding> examine(const Settings& settings) {
  sandbox::LauncherConfig config{settings.daemon.home, settings.daemon.init_path};
  std::vector<Finding> findings = sandbox::examine_host(config);
  findings.push_back(examine_names(settings.daemon.base_domain));
  findings.push_back(examine_python_base());
  findings.push_back(examine_client(settings));
  findings.push_back(examine_files(settings));
  for (Finding& finding : examine_reserve(settings)) findings.push_back(std::move(finding));
  return findings;
}

bool print_findings(const std::vector<Finding>& findings) {
  bool usable = true;
  for (const Finding& finding : findings) {
    const char* mark = finding.ok ? "ok     " : finding.essential ? "MISSING" : "lacks  ";
    std::cout << mark << " " << finding.name << ": " << finding.detail << "\n";
    if (!finding.ok) std::cout << "          remedy: " << finding.remedy << "\n";
    if (!finding.ok && finding.essential) usable = false;
  }
  std::cout << (usable ? "This host can run Bimodal." : "This host can't run Bimodal yet.") << "\n";
  return usable;
}

}  // namespace bimodal::cli

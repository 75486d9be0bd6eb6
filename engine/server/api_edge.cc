#include "server/api_edge.h"

#include "base/log.h"

namespace bimodal::server {

std::string api_host(const Config& config) {
  return "api." + config.base_domain;
}

void set_edge(
    const Config& config, std::function<void(UniqueFd connection, std::string address)> adopt,
    gateway::EdgeSettings& edge) {
  if (config.access_log) edge.access_log = config.home / "logs" / "access.jsonl";
  if (!config.tls.is_on()) return;
  edge.api_host = api_host(config);
  edge.on_api_client = std::move(adopt);
}

void warn_of_plain_api(const Config& config) {
  const std::string& address = config.api;
  if (address.starts_with("127.") || address.starts_with("localhost:") || address.starts_with("[::1]")) return;
  log::warning(
      "the API listens at {} in clear: whoever is on the way reads tokens; with --https clients of other hosts have "
      "https://{}",
      address, api_host(config));
}

}  // namespace bimodal::server

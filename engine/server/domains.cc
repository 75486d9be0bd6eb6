#include "server/domains.h"

#include <nlohmann/json.hpp>

#include "control/registry.h"
#include "server/acme_source.h"

namespace bimodal::server {

using nlohmann::json;

namespace {

std::int64_t seconds_of(std::optional<acme::Time> time) {
  if (!time) return 0;
  return std::chrono::duration_cast<std::chrono::seconds>(time->time_since_epoch()).count();
}

json names_of(const control::Registry& registry, const AcmeSource* acme) {
  json names = json::array();
  for (const control::PublishedApp& app : registry.running()) {
    for (const auto& function : app.functions) {
      auto add = [&](const std::string& name, bool custom, const std::string& method) {
        names.push_back(
            {{"name", name},
             {"custom", custom},
             {"app", app.name},
             {"environment", function->environment},
             {"function",
              method.empty() ? function->tag : function->tag.substr(0, function->tag.find('.')) + "." + method},
             {"certificate", acme == nullptr ? "" : acme->certificate_for(name)}});
      };
      for (const model::WebMethod& method : function->web_methods) {
        add(method.host, false, method.method_name);
        for (const std::string& domain : method.custom_domains) add(domain, true, method.method_name);
      }
    }
  }
  return names;
}

json certificates_of(const AcmeSource* acme) {
  json certificates = json::array();
  if (acme == nullptr) return certificates;
  for (const acme::NameState& state : acme->states()) {
    certificates.push_back(
        {{"name", state.name},
         {"state", acme::name_of(state.phase)},
         {"expires_at", seconds_of(state.expires_at)},
         {"retry_at", seconds_of(state.retry_at)},
         {"reason", state.reason}});
  }
  return certificates;
}

}  // namespace

json domains_of(const control::Registry& registry, const DomainAccount& account) {
  return {
      {"base_domain", account.base_domain},
      {"public_addresses", account.public_addresses},
      {"acme", account.acme != nullptr},
      {"names", names_of(registry, account.acme)},
      {"certificates", certificates_of(account.acme)}};
}

}  // namespace bimodal::server

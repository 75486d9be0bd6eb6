#include "control/registry.h"

#include <tuple>

namespace bimodal::control {
namespace {

// The greater one answers where two apps have the same host.
auto rank(const PublishedApp& app) {
  return std::tuple(!app.stopped, !app.ephemeral, app.published_at);
}

template <typename Visit>
void for_each_host(const PublishedApp& app, Visit visit) {
  for (const auto& function : app.functions) {
    for (const auto& method : function->web_methods) {
      visit(method.host, *function, method);
      for (const auto& domain : method.custom_domains) visit(domain, *function, method);
    }
  }
}

}  // namespace

const HostOwner* TakenHosts::owner_of(const std::string& host) const {
  if (auto exact = others.find(host); exact != others.end()) return &exact->second;
  const std::size_t dot = host.find('.');
  if (dot == host.npos || host.starts_with("*.") || held.contains(host)) return nullptr;
  auto above = others.find("*" + host.substr(dot));
  return above == others.end() ? nullptr : &above->second;
}

void Registry::put(PublishedApp app) {
  apps_[app.app_id] = std::move(app);
  changed_.notify_all();
}

void Registry::mark_stopped(const std::string& app_id) {
  auto found = apps_.find(app_id);
  if (found != apps_.end()) found->second.stopped = true;
  changed_.notify_all();
}

std::vector<PublishedApp> Registry::running() const {
  std::vector<PublishedApp> running;
  for (const auto& [id, app] : apps_) {
    if (!app.stopped) running.push_back(app);
  }
  return running;
}

const PublishedApp* Registry::find(const std::string& app_id) const {
  auto found = apps_.find(app_id);
  return found == apps_.end() ? nullptr : &found->second;
}

model::FunctionVersionPtr Registry::function(const std::string& function_id) const {
  for (const auto& [app_id, app] : apps_) {
    if (app.stopped) continue;
    for (const auto& function : app.functions) {
      if (function->function_id == function_id) return function;
    }
  }
  return nullptr;
}

TakenHosts Registry::hosts_taken_from(const std::string& app_id) const {
  TakenHosts out;
  for (const auto& [id, app] : apps_) {
    if (app.stopped || (app.ephemeral && id != app_id)) continue;
    for_each_host(app, [&](const std::string& host, const auto&, const auto&) {
      if (id == app_id) {
        out.held.insert(host);
      } else {
        out.others.emplace(host, HostOwner{id, app.name});
      }
    });
  }
  return out;
}

const PublishedApp* Registry::owner(const std::string& host) const {
  const PublishedApp* best = nullptr;
  for (const auto& [app_id, app] : apps_) {
    if (app.stopped) continue;
    for_each_host(app, [&](const std::string& candidate, const auto&, const auto&) {
      if (candidate == host && (best == nullptr || rank(*best) < rank(app))) best = &app;
    });
  }
  return best;
}

std::vector<model::Route> Registry::routes() const {
  std::map<std::string, std::pair<const PublishedApp*, model::Route>> best;
  for (const auto& [app_id, app] : apps_) {
    for_each_host(app, [&](const std::string& host, const auto& function, const auto& method) {
      auto [entry, fresh] = best.try_emplace(host);
      if (!fresh && rank(app) < rank(*entry->second.first)) return;
      entry->second = {
          &app, model::Route{
                    host, function.function_id, method.method_name, app.environment_id, method.requires_proxy_auth,
                    app.stopped}};
    });
  }
  std::vector<model::Route> routes;
  routes.reserve(best.size());
  for (auto& [host, winner] : best) routes.push_back(std::move(winner.second));
  return routes;
}

}  // namespace bimodal::control

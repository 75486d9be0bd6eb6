#include "calls/hosts.h"

#include <algorithm>
#include <utility>

namespace bimodal::calls {

Attempt& Hosts::add(const std::string& task_id, Attempt attempt) {
  auto [host, fresh] = hosts_.try_emplace(task_id);
  if (fresh) scope_.spawn(watch(attempt.lease.shared_container()));
  const std::string input_id = attempt.input->input_id;
  return host->second.insert_or_assign(input_id, std::move(attempt)).first->second;
}

Attempt* Hosts::find(const std::string& task_id, const std::string& input_id) {
  auto host = hosts_.find(task_id);
  if (host == hosts_.end()) return nullptr;
  auto attempt = host->second.find(input_id);
  return attempt == host->second.end() ? nullptr : &attempt->second;
}

Attempt* Hosts::find_call(const std::string& task_id, const std::string& call_id) {
  auto host = hosts_.find(task_id);
  if (host == hosts_.end()) return nullptr;
  for (auto& [input_id, attempt] : host->second) {
    if (attempt.input->call->id() == call_id) return &attempt;
  }
  return nullptr;
}

void Hosts::remove(const std::string& task_id, const std::string& input_id) {
  auto host = hosts_.find(task_id);
  if (host != hosts_.end()) host->second.erase(input_id);
}

std::size_t Hosts::inputs() const {
  std::size_t all = 0;
  for (const auto& [task_id, attempts] : hosts_) {
    all +=
        static_cast<std::size_t>(std::ranges::count_if(attempts, [](auto& one) { return !one.second.is_abandoned; }));
  }
  return all;
}

std::size_t Hosts::inputs_in(const std::string& task_id) const {
  auto host = hosts_.find(task_id);
  return host == hosts_.end() ? 0 : host->second.size();
}

bool Hosts::is_empty() const {
  return std::all_of(hosts_.begin(), hosts_.end(), [](const auto& host) { return host.second.empty(); });
}

Task<void> Hosts::watch(std::shared_ptr<scheduler::Container> container) {
  const scheduler::ContainerExit exit = co_await container->wait_exit();
  auto host = hosts_.extract(container->task_id());
  if (host.empty()) co_return;
  auto fetched = [](const auto& entry) { return entry.second.given->is_fetched; };
  const bool alone = std::count_if(host.mapped().begin(), host.mapped().end(), fetched) == 1;
  for (auto& [input_id, attempt] : host.mapped()) lost_(std::move(attempt), exit, alone);
}

}  // namespace bimodal::calls

#include "gateway/redirects.h"

#include <fmt/format.h>

#include <algorithm>

namespace bimodal::gateway {
namespace {

// Calls visit(parameter) for each part of `query` between ampersands.
template <typename Visit>
void for_each_parameter(std::string_view query, Visit visit) {
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), parameter.size() + 1));
    visit(parameter);
  }
}

bool is_call(std::string_view parameter) {
  return parameter.substr(0, parameter.find('=')) == kCallParameter;
}

}  // namespace

void Redirects::add(const std::string& token, Front& front) {
  std::lock_guard lock(mutex_);
  fronts_[token] = &front;
}

void Redirects::remove(const std::string& token) {
  std::lock_guard lock(mutex_);
  fronts_.erase(token);
}

Front* Redirects::find(const std::string& token) const {
  std::lock_guard lock(mutex_);
  auto found = fronts_.find(token);
  return found == fronts_.end() ? nullptr : found->second;
}

std::string_view call_in(std::string_view query) {
  std::string_view call;
  for_each_parameter(query, [&](std::string_view parameter) {
    if (is_call(parameter)) call = parameter.substr(std::min(parameter.size(), kCallParameter.size() + 1));
  });
  return call;
}

std::string location_of(const http::RequestHead& head, std::string_view token) {
  std::string query;
  for_each_parameter(head.query, [&](std::string_view parameter) {
    if (!is_call(parameter)) query.append(parameter).append("&");
  });
  return fmt::format("{}?{}{}={}", head.path, query, kCallParameter, token);
}

std::string origin_of(const http::RequestHead& head) {
  for (const http::Field& field : head.fields) {
    if (field.name == "origin") return std::string(field.value);
  }
  return "";
}

std::string written_again(const http::RequestHead& head) {
  std::string out = fmt::format("{} {}?{} HTTP/1.{}\r\n", head.method, head.path, head.query, head.minor_version);
  bool names_host = false;
  for (const http::Field& field : head.fields) {
    if (field.name == "connection" || field.name == "keep-alive") continue;
    names_host |= field.name == "host";
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  if (!names_host) out.append("host: ").append(head.host).append("\r\n");
  return out + "connection: close\r\n\r\n";
}

}  // namespace bimodal::gateway

// The gateway's numbers as metrics, summed over its loops.
#include <fmt/format.h>

#include "gateway/traffic.h"

namespace bimodal::gateway {
namespace {

using metrics::Labels;
using metrics::Page;
using metrics::Type;

constexpr std::array<std::string_view, 10> kMethods = {"_OTHER", "GET",     "HEAD",    "POST",  "PUT",
                                                       "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

Labels labels_of(const FunctionTraffic::Names& names) {
  return {{"environment", names.environment}, {"app", names.app}, {"function", names.function}};
}

Labels with(Labels labels, std::string_view name, std::string_view value) {
  labels.emplace_back(name, value);
  return labels;
}

std::uint64_t sum(const FunctionTraffic& function, metrics::Counter Traffic::* counter) {
  std::uint64_t all = 0;
  for (const Traffic& traffic : function.by_loop()) all += (traffic.*counter).value();
  return all;
}

std::int64_t sum(const FunctionTraffic& function, metrics::Gauge Traffic::* gauge) {
  std::int64_t all = 0;
  for (const Traffic& traffic : function.by_loop()) all += (traffic.*gauge).value();
  return all;
}

metrics::Spread sum(const FunctionTraffic& function, metrics::Histogram Traffic::* histogram) {
  metrics::Spread all;
  for (const Traffic& traffic : function.by_loop()) (traffic.*histogram).add_to(all);
  return all;
}

std::map<std::uint32_t, std::uint64_t> answers_of(const FunctionTraffic& function) {
  std::map<std::uint32_t, std::uint64_t> all;
  for (const Traffic& traffic : function.by_loop()) traffic.answers.add_to(all);
  return all;
}

void write_answers(Page& page, const FunctionTraffic& function) {
  auto& family =
      page.family("bimodal_http_requests_total", "Web requests that have ended, refused ones included", Type::Counter);
  for (const auto& [key, count] : answers_of(function)) {
    const bool beyond = key == Answers::kBeyond;
    const std::string status = beyond ? "other" : key % 1024 == Answers::kNone ? "none" : fmt::to_string(key % 1024);
    Labels labels = with(labels_of(function.names()), "http_request_method", kMethods[beyond ? 0 : key / 1024]);
    family.add(with(std::move(labels), "http_response_status_code", status), count);
  }
}

void write_errors(Page& page, const FunctionTraffic& function) {
  auto& family = page.family(
      "bimodal_http_errors_total", "Web requests that the gateway itself answered, or ended, with an error",
      Type::Counter);
  for (std::size_t i = 0; i < kErrorCodes.size(); ++i) {
    std::uint64_t count = 0;
    for (const Traffic& traffic : function.by_loop()) count += traffic.errors[i].value();
    if (count > 0) family.add(with(labels_of(function.names()), "error_type", kErrorCodes[i]), count);
  }
}

void write_times(Page& page, const FunctionTraffic& function) {
  const Labels labels = labels_of(function.names());
  page.family(
          "http_server_request_duration_seconds",
          "From a request's head to the last byte of its answer; without refused requests, WebSockets and tunnels",
          Type::Histogram)
      .add(labels, sum(function, &Traffic::duration));
  page.family("bimodal_http_first_byte_seconds", "From a request's head to its container's answer", Type::Histogram)
      .add(labels, sum(function, &Traffic::first_byte));
  page.family("bimodal_http_queue_seconds", "From a request's head to its slot in a container", Type::Histogram)
      .add(labels, sum(function, &Traffic::queue));
  auto& cold = page.family("bimodal_cold_start_seconds", "The phases of containers' starts", Type::Histogram);
  const metrics::Spread queue = sum(function, &Traffic::cold_queue);
  if (queue.count() == 0) return;
  cold.add(with(labels, "phase", "queue"), queue);
  cold.add(with(labels, "phase", "first"), sum(function, &Traffic::cold_first));
}

void write_amounts(Page& page, const FunctionTraffic& function) {
  const Labels labels = labels_of(function.names());
  page.family("http_server_active_requests", "Web requests that were let in and have not ended", Type::Gauge)
      .add(labels, sum(function, &Traffic::active));
  page.family(
          "bimodal_http_request_body_bytes_total", "Of bodies and WebSockets, as received from callers", Type::Counter)
      .add(labels, sum(function, &Traffic::received_bytes));
  page.family("bimodal_http_response_body_bytes_total", "Of bodies and WebSocket messages, for callers", Type::Counter)
      .add(labels, sum(function, &Traffic::sent_bytes));
  page.family(
          "bimodal_http_retries_total", "Requests that were given to another container, or once more", Type::Counter)
      .add(labels, sum(function, &Traffic::retries));
  page.family("bimodal_websockets", "WebSockets that are open", Type::Gauge)
      .add(labels, sum(function, &Traffic::websockets));
  auto& messages = page.family("bimodal_websocket_messages_total", "WebSocket messages", Type::Counter);
  messages.add(with(labels, "direction", "in"), sum(function, &Traffic::messages_in));
  messages.add(with(labels, "direction", "out"), sum(function, &Traffic::messages_out));
}

}  // namespace

void TrafficTable::write(Page& page) const {
  const std::lock_guard guard(mutex_);
  for (const FunctionTraffic& function : functions_) {
    write_answers(page, function);
    write_errors(page, function);
    if (function.names().function.empty()) continue;
    if (&function == &functions_[1] && answers_of(function).empty()) continue;
    write_times(page, function);
    write_amounts(page, function);
  }
  auto& connections = page.family("bimodal_http_connections", "Callers' connections that are open", Type::Gauge);
  auto& accepted = page.family("bimodal_http_accepted_total", "Callers' connections so far", Type::Counter);
  auto& handshakes = page.family("bimodal_tls_handshakes_total", "TLS handshakes that have ended", Type::Counter);
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    const std::string number = fmt::to_string(i);
    connections.add({{"loop", number}}, loops_[i].connections.value());
    accepted.add({{"loop", number}}, loops_[i].accepted.value());
    handshakes.add({{"loop", number}, {"outcome", "full"}}, loops_[i].full_handshakes.value());
    handshakes.add({{"loop", number}, {"outcome", "resumed"}}, loops_[i].resumed_handshakes.value());
    handshakes.add({{"loop", number}, {"outcome", "failed"}}, loops_[i].failed_handshakes.value());
  }
}

std::vector<TrafficSummary> TrafficTable::summaries() const {
  const std::lock_guard guard(mutex_);
  std::vector<TrafficSummary> all;
  for (const FunctionTraffic& function : functions_) {
    TrafficSummary one{.names = function.names()};
    for (const auto& [key, count] : answers_of(function)) {
      one.requests += count;
      if (key != Answers::kBeyond && key % 1024 >= 500) one.server_errors += count;
    }
    if (one.requests == 0 || one.names.function.empty()) continue;
    const metrics::Spread times = sum(function, &Traffic::duration);
    one.p50_s = times.quantile_s(0.5);
    one.p99_s = times.quantile_s(0.99);
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace bimodal::gateway

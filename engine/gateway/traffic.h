// What the gateway counts: for each function and loop, so that a request touches no memory that another loop writes.
//
// A loop writes its own numbers; any thread reads them (metrics/counter.h). At most kMaxFunctions names are told apart
// in the life of a daemon; the requests of further ones are counted together as "_OTHER". Nothing here is freed before
// the gateway is.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/histogram.h"
#include "metrics/page.h"
#include "model/model.h"
#include "scheduler/functions.h"

namespace bimodal::gateway {

// The methods that are told apart, as OpenTelemetry's http.request.method has them.
enum class Method : std::uint8_t { Other, Get, Head, Post, Put, Delete, Connect, Options, Trace, Patch };

Method method_of(std::string_view name);

// How many requests ended with which status, by method. An application that answers with more than kPairs
// combinations has the rest counted as one.
class Answers {
 public:
  static constexpr std::size_t kPairs = 32;
  static constexpr int kNone = 0;  // the caller left, or was cut off, without a status

  void count(Method method, int status);
  // How many by method << 10 | status; what was beyond kPairs by kBeyond.
  void add_to(std::map<std::uint32_t, std::uint64_t>& totals) const;
  static constexpr std::uint32_t kBeyond = ~std::uint32_t{0};

 private:
  struct Pair {
    std::atomic<std::uint32_t> key = 0;  // 0: free; else what add_to() says, and 1
    metrics::Counter count;
  };
  std::array<Pair, kPairs> pairs_;
  metrics::Counter beyond_;
};

// Our own error codes (edge_error.h), and the last for one that isn't among them.
inline constexpr std::array<std::string_view, 28> kErrorCodes = {
    "app-stopped",
    "application-failed",
    "bad-answer",
    "bad-redirect-method",
    "bad-request",
    "body-too-large",
    "container-gone",
    "first-message-late",
    "function-timeout",
    "host-full",
    "internal",
    "invalid-credentials",
    "invalid-response",
    "misdirected",
    "missing-credentials",
    "other-environment",
    "out-of-memory",
    "queue-full",
    "rate-limit",
    "server-full",
    "server-not-ready",
    "start-failed",
    "too-many-pools",
    "unknown-call",
    "unknown-host",
    "websocket-handshake",
    "websocket-refused",
    "other"};

// One function's numbers of one loop.
struct alignas(64) Traffic {
  Answers answers;
  metrics::Histogram duration;                  // of requests that were let in, but for WebSockets and tunnels
  metrics::Histogram first_byte;                // of those with a response of the container's
  metrics::Histogram queue;                     // of those that got a slot
  metrics::Histogram cold_queue, cold_first;    // of those that waited for a start, see exchange_counting.cc
  metrics::Counter received_bytes, sent_bytes;  // of bodies and messages
  metrics::Counter retries;
  metrics::Counter messages_in, messages_out;
  metrics::Gauge active, websockets;
  std::array<metrics::Counter, kErrorCodes.size()> errors;

  void count_error(std::string_view code);
};

class FunctionTraffic {
 public:
  struct Names {
    std::string environment, app, function;
    auto operator<=>(const Names&) const = default;
  };

  FunctionTraffic(Names names, std::size_t loops) : names_(std::move(names)), by_loop_(loops) {}

  const Names& names() const { return names_; }
  Traffic& of(std::size_t loop) { return by_loop_[loop]; }
  const std::deque<Traffic>& by_loop() const { return by_loop_; }

 private:
  const Names names_;
  std::deque<Traffic> by_loop_;
};

// The numbers of one loop that are no function's.
struct alignas(64) LoopTraffic {
  metrics::Gauge connections;
  metrics::Counter accepted;
  metrics::Counter full_handshakes, resumed_handshakes, failed_handshakes;  // of TLS
};

// How a function does, for people.
struct TrafficSummary {
  FunctionTraffic::Names names;
  std::uint64_t requests = 0, server_errors = 0;  // server_errors: answered with 5xx
  double p50_s = 0, p99_s = 0;
};

// Any thread, but for prepare().
class TrafficTable {
 public:
  static constexpr std::size_t kMaxFunctions = 500;

  // Once, before anything else.
  void prepare(std::size_t loops);

  // Where the requests of a route are counted, for good. A route whose function isn't served any more has the place
  // that it had, else unrouted().
  FunctionTraffic& of_route(const model::Route& route, scheduler::FunctionHandle* handle);
  // For what is no function's: unknown hosts, broken requests.
  FunctionTraffic& unrouted() { return *unrouted_; }
  LoopTraffic& loop(std::size_t number) { return loops_[number]; }

  void write(metrics::Page& page) const;
  std::vector<TrafficSummary> summaries() const;  // of functions that had requests

 private:
  FunctionTraffic& of_names(FunctionTraffic::Names names);

  mutable std::mutex mutex_;
  std::deque<LoopTraffic> loops_;
  FunctionTraffic* unrouted_ = nullptr;    // not by way of the container, which grows meanwhile
  std::deque<FunctionTraffic> functions_;  // unrouted, beyond the limit, then those with names
  std::map<FunctionTraffic::Names, FunctionTraffic*> by_names_;
  std::map<std::string, FunctionTraffic*> by_id_;  // of functions that have a route, and had one
};

}  // namespace bimodal::gateway

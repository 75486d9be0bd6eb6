// What a request costs between its head and its container: the route of its host, its place under the rate limits, a
// slot and its return, and the frame that is made of it.
#include <benchmark/benchmark.h>

#include <string>
#include <thread>

#include "async/loop.h"
#include "gateway/rate_limits.h"
#include "gateway/request_encoder.h"
#include "gateway/routing_table.h"
#include "http/request_head.h"
#include "scheduler/fake_launcher.h"
#include "scheduler/functions.h"
#include "script.h"

namespace bimodal::benchmarks {
namespace {

// A function with one warm container, on a loop of its own.
class Served {
 public:
  Served() : loop_("control"), launcher_(loop_.executor()), functions(launcher_, loop_.executor(), {}) {
    loop_.start();
    auto version = std::make_shared<model::FunctionVersion>();
    version->function_id = "fu-1";
    version->definition_id = "de-1";
    version->app_id = "ap-1";
    version->scaling.max_inputs = 1000;
    version->scaling.min_containers = 1;
    loop_.post([this, version] { functions.publish("ap-1", {version}, scheduler::Switch::AtOnce); });
    while (!functions.find("fu-1")) std::this_thread::yield();
    pool = *functions.find("fu-1")->pool();
    while (!pool->try_acquire()) std::this_thread::yield();
  }

 private:
  Loop loop_;
  scheduler::FakeLauncher launcher_;

 public:
  scheduler::Functions functions;
  std::shared_ptr<scheduler::Pool> pool;
};

Served& served() {
  static auto* const one = new Served;  // its loop runs until the program ends
  return *one;
}

void take_and_give_back_a_slot(benchmark::State& state) {
  scheduler::Pool& pool = *served().pool;
  for (auto _ : state) benchmark::DoNotOptimize(pool.try_acquire());
}
BENCHMARK(take_and_give_back_a_slot);

void find_route(benchmark::State& state) {
  gateway::RateLimits limits{gateway::GatewayLimits{}};
  gateway::TrafficTable traffic;
  std::vector<model::Route> routes;
  for (int i = 0; i < state.range(0); ++i) {
    routes.push_back({.host = "app-" + std::to_string(i) + ".localhost", .function_id = "fu-1"});
  }
  const gateway::RoutingTable table(std::move(routes), served().functions, limits, traffic);
  for (auto _ : state) benchmark::DoNotOptimize(table.find("App-0.localhost:8080"));
}
BENCHMARK(find_route)->Arg(1)->Arg(1000);

void pass_rate_limits(benchmark::State& state) {
  gateway::GatewayLimits limits;
  limits.requests_per_second = limits.function_requests_per_second = limits.client_requests_per_second = 1'000'000;
  gateway::RateLimits rates(limits);
  const http::Address caller = *http::parse_address("127.0.0.1:1");
  const auto function = rates.of_function("fu-1");
  std::int64_t now = 0;
  for (auto _ : state) {
    now += 10'000;
    benchmark::DoNotOptimize(rates.admit_client(caller, now));
    benchmark::DoNotOptimize(rates.admit(*function, now));
  }
}
BENCHMARK(pass_rate_limits);

void make_request_frame(benchmark::State& state) {
  std::string bytes = request_text(0);
  http::RequestHead head;
  std::size_t resume = 0;
  http::parse_request_head(bytes.data(), bytes.size(), 64 * 1024, resume, head);
  const gateway::RequestFacts facts{
      .request_id = "01JD3ZK5T2Q8N4W6Y7X9V0B1CM",
      .client_host = "127.0.0.1",
      .client_port = 51'234,
      .server_host = "127.0.0.1",
      .server_port = 8080};
  wire::RequestHead scratch;
  std::string frame;
  for (auto _ : state) {
    frame.clear();
    const std::size_t size = gateway::begin_request_frame(head, facts, scratch, frame);
    gateway::seal_request_frame(frame, size, true);
  }
}
BENCHMARK(make_request_frame);

}  // namespace
}  // namespace bimodal::benchmarks

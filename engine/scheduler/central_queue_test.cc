// How long requests wait in a Pool, beside one ideal queue before all slots.
//
// The pool is the real one, on one loop that is driven step by step: arrivals and ends of requests come at times of the
// simulation, and between two of them the loop runs until nothing is left to do. So the comparison is exact, and the
// ratio of a rule that binds requests to containers early (round robin: 3 and more) would be seen at once.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <map>
#include <queue>

#include "async/scope.h"
#include "scheduler/fake_launcher.h"
#include "scheduler/pool.h"
#include "scheduler/simulated_traces.h"

namespace bimodal::scheduler::simulation {
namespace {

using namespace std::chrono_literals;

struct Shape {
  int containers = 1;
  int slots = 1;  // of each
};

double p99(std::vector<double> waits) {
  const auto place = waits.begin() + static_cast<std::ptrdiff_t>(waits.size() * 99 / 100);
  std::nth_element(waits.begin(), place, waits.end());
  return *place;
}

// Each request begins when the first of `servers` is free: the waiting times of a first come, first served M/G/k queue.
std::vector<double> ideal_waits(const Trace& trace, int servers) {
  std::priority_queue<Span, std::vector<Span>, std::greater<>> free_at;
  for (int i = 0; i < servers; ++i) free_at.push(Span());
  std::vector<double> waits;
  for (const Request& request : trace) {
    const Span begin = std::max(request.at, free_at.top());
    free_at.pop();
    free_at.push(begin + request.service);
    waits.push_back(seconds(begin - request.at));
  }
  return waits;
}

// Begins at the request's turn and tells; the lease is the simulation's, which ends it.
struct Turn {
  std::size_t request;
  Lease lease;
};

Task<void> wait_for_turn(std::shared_ptr<Pool> pool, std::size_t request, std::vector<Turn>& turns) {
  auto lease = co_await pool->acquire(Deadline::never());
  if (lease) turns.push_back({request, *std::move(lease)});
}

class DrivenPool {
 public:
  DrivenPool(const Trace& trace, Shape shape) : trace_(trace), waits_(trace.size()) {
    model::FunctionVersion version;
    version.scaling = {
        .min_containers = shape.containers, .max_containers = shape.containers, .max_inputs = shape.slots};
    PoolLimits limits;
    limits.max_waiting = 1'000'000;
    pool_ = Pool::create(
        std::make_shared<const model::FunctionVersion>(version), launcher_, context_.get_executor(), limits);
    settle();
  }
  ~DrivenPool() {
    Scope scope(context_.get_executor(), "end");
    scope.spawn(pool_->abort());
    settle();
  }

  std::vector<double> waits() {
    for (std::size_t next = 0; next < trace_.size() || !ends_.empty();) {
      const bool arrives = next < trace_.size() && (ends_.empty() || trace_[next].at < ends_.top().first);
      if (arrives) {
        now_ = trace_[next].at;
        arrive(next++);
      } else {
        now_ = ends_.top().first;
        running_.erase(ends_.top().second);
        ends_.pop();
      }
      settle();
    }
    return waits_;
  }

 private:
  void arrive(std::size_t request) {
    if (auto lease = pool_->try_acquire()) {
      turns_.push_back({request, *std::move(lease)});
    } else {
      callers_.spawn(wait_for_turn(pool_, request, turns_));
    }
  }

  void settle() {
    context_.restart();
    while (context_.poll() > 0) {
    }
    for (Turn& turn : turns_) {
      waits_[turn.request] = seconds(now_ - trace_[turn.request].at);
      ends_.emplace(now_ + trace_[turn.request].service, turn.request);
      running_.emplace(turn.request, std::move(turn.lease));
    }
    turns_.clear();
  }

  using End = std::pair<Span, std::size_t>;
  const Trace& trace_;
  std::vector<double> waits_;
  boost::asio::io_context context_;
  FakeLauncher launcher_{context_.get_executor()};
  std::shared_ptr<Pool> pool_;
  Scope callers_{context_.get_executor(), "callers"};
  std::vector<Turn> turns_;
  std::map<std::size_t, Lease> running_;
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  Span now_{};
};

struct Kind {
  const char* name;
  Service service;  // of 100 ms on average
};

Trace poisson(int requests, double load, int servers, const Service& service) {
  const double rate = load * servers / 0.1;
  return arrivals(9, requests / rate, rate, [rate](double) { return rate; }, service);
}

TEST(CentralQueue, TheNinetyNinthPercentileOfWaitingIsWithinATenthOfAnIdealQueues) {
  const Kind kinds[] = {
      {"exponential", exponential(0.1)},
      {"two kinds", [](Dice& dice) { return dice.uniform() < 0.9 ? 0.02 : 0.82; }},
      {"all alike", [](Dice&) { return 0.1; }},
  };
  for (const Kind& kind : kinds) {
    for (Shape shape : {Shape{1, 1}, Shape{4, 1}, Shape{1, 8}, Shape{4, 4}, Shape{16, 1}}) {
      for (double load : {0.5, 0.8, 0.95}) {
        const int servers = shape.containers * shape.slots;
        const Trace trace = poisson(2000, load, servers, kind.service);
        const double ideal = p99(ideal_waits(trace, servers));
        const double pool = p99(DrivenPool(trace, shape).waits());
        std::printf(
            "%-12s %2d x %d, load %.2f: %.3f s, ideal %.3f s\n", kind.name, shape.containers, shape.slots, load, pool,
            ideal);
        EXPECT_LE(pool, 1.10 * ideal + 1e-9);
      }
    }
  }
}

}  // namespace
}  // namespace bimodal::scheduler::simulation

// Traces for the simulation, the same on every machine: made from a seed by own arithmetic. For tests only.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "scheduler/simulation.h"

namespace bimodal::scheduler::simulation {

// Random numbers that don't depend on the standard library's distributions.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : bits_(seed) {}
  double uniform() { return (static_cast<double>(bits_() >> 11) + 0.5) * 0x1p-53; }  // above 0, below 1
  double exponential(double mean) { return -mean * std::log(uniform()); }
  double pareto(double shape, double mean) { return mean * (shape - 1) / shape * std::pow(uniform(), -1 / shape); }

 private:
  std::mt19937_64 bits_;
};

using Rate = std::function<double(double)>;    // of the time in seconds: requests per second
using Service = std::function<double(Dice&)>;  // seconds

inline Service exponential(double mean) {
  return [mean](Dice& dice) { return dice.exponential(mean); };
}

// Poisson arrivals of a rate that changes but never exceeds `peak`, by thinning.
inline Trace arrivals(std::uint64_t seed, double length, double peak, const Rate& rate, const Service& service) {
  Dice dice(seed);
  Trace trace;
  for (double at = dice.exponential(1 / peak); at < length; at += dice.exponential(1 / peak)) {
    if (dice.uniform() * peak < rate(at)) trace.push_back({span_of(at), span_of(service(dice))});
  }
  return trace;
}

// People who load pages, each a handful of requests within a second, read, and go on or leave; beside them a poller
// and a job at every fifth minute.
inline Trace visits(std::uint64_t seed, double length) {
  Dice dice(seed);
  Trace trace;
  const auto add = [&](double at, double mean) {
    if (at < length) trace.push_back({span_of(at), span_of(0.004 + dice.exponential(mean))});
  };
  for (double arrival = 0; arrival < length; arrival += dice.exponential(9)) {
    for (double at = arrival; dice.uniform() < 0.8; at += 3 + dice.exponential(20)) {
      add(at, 0.12);
      for (int i = 0; i < 6; ++i) add(at + 0.15 + dice.exponential(0.1), 0.02);
    }
  }
  for (double at = 7; at < length; at += 30) add(at + dice.exponential(0.2), 0.01);
  for (double at = 300; at < length; at += 300) {
    for (int i = 0; i < 40; ++i) add(at + i * 0.05, 0.4);
  }
  std::sort(trace.begin(), trace.end(), [](const Request& a, const Request& b) { return a.at < b.at; });
  return trace;
}

struct NamedTrace {
  std::string name;
  Trace trace;
};

inline std::vector<NamedTrace> all_traces() {
  const auto steady = [](double rate) { return [rate](double) { return rate; }; };
  const auto day = [](double at) { return 6 - 5 * std::cos(2 * std::numbers::pi * at / 7200); };
  const auto bursts = [](double at) { return std::fmod(at, 120) < 5 ? 100.0 : 2.0; };
  const auto spike = [](double at) { return at > 900 && at < 960 ? 200.0 : 1.0; };
  const auto on_off = [](double at) { return std::fmod(at, 180) < 60 ? 20.0 : 0.0; };
  const Service pareto = [](Dice& dice) { return std::min(60.0, dice.pareto(1.5, 0.5)); };
  return {
      {"poisson", arrivals(1, 900, 20, steady(20), exponential(0.2))},
      {"diurnal", arrivals(2, 7200, 11, day, exponential(0.15))},
      {"bursts", arrivals(3, 1800, 100, bursts, exponential(0.1))},
      {"spike", arrivals(4, 1800, 200, spike, exponential(0.1))},
      {"on/off", arrivals(5, 1800, 20, on_off, exponential(0.5))},
      {"heavy tail", arrivals(6, 900, 10, steady(10), pareto)},
      {"sparse", arrivals(7, 14400, 0.02, steady(0.02), exponential(0.2))},
      {"visits", visits(8, 3600)},
  };
}

}  // namespace bimodal::scheduler::simulation

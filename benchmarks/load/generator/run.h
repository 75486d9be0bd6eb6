// One run of load: connections, each with one question under way at most, as fast as answers come or at a fixed rate.
#pragma once

#include <cstdint>
#include <vector>

#include "protocol.h"

namespace load {

struct RunOptions {
  std::uint16_t port = 0;  // on 127.0.0.1
  int connections = 32;
  double seconds = 8;
  // Questions per second, at random intervals (Poisson, fixed seed), whether or not earlier ones were answered; 0: each
  // connection asks again as soon as it has its answer.
  double rate = 0;
};

struct Outcome {
  std::uint64_t answers = 0;  // within `seconds`; at a fixed rate all of them
  double seconds = 0;
  // Seconds from when the question was due, so that a server that stalls can't hide those that it kept from being sent
  // (coordinated omission); without a rate, from when it was sent.
  std::vector<float> latencies;
  std::vector<float> lateness;  // at a fixed rate: from when a question was due and a connection free until it was sent
};

// Single-threaded. Throws Void. At a fixed rate it waits for the last answers, 10 s at most.
Outcome run(Protocol& protocol, const RunOptions& options);

}  // namespace load

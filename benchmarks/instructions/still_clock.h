// Time that passes only when the program says so, for all of the process: what a request costs must not depend on when
// it is played.
#pragma once

#include <chrono>

namespace bimodal::benchmarks {

void pass_time(std::chrono::microseconds span);

}  // namespace bimodal::benchmarks

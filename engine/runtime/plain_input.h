// One input of a plain call, as a container is given it. Loop-bound.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace bimodal::runtime {

struct PlainInput {
  std::string input_id, call_id;
  std::string arguments;    // serialized modal.client.FunctionInput
  int invocation = 0;       // modal.client.FunctionCallInvocationType
  int attempts = 0;         // retry_count, which the output echoes
  int place = 0;            // its index in the call
  bool is_fetched = false;  // the container has seen it; `arguments` are gone then
};

using PlainInputPtr = std::shared_ptr<PlainInput>;

// How many inputs a container takes at once.
struct Batch {
  std::size_t max_size = 1;
  std::chrono::milliseconds linger{0};  // how long the first one waits for others
};

}  // namespace bimodal::runtime

// The input of a call that this server makes by itself: without arguments.
#pragma once

#include <string>

#include "control/api.h"

namespace bimodal::control {

inline api::FunctionInput input_without_arguments() {
  constexpr char kPickled[] = "\x80\x04)}\x86.";  // ((), {}), protocol 4
  api::FunctionInput input;
  input.set_args(std::string(kPickled, sizeof kPickled - 1));
  input.set_data_format(api::DATA_FORMAT_PICKLE);
  return input;
}

}  // namespace bimodal::control

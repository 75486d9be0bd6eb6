// CHECK(condition): a bug ends the process with the place and the condition. Never for bad input.
#pragma once

namespace bimodal {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define CHECK(condition) ((condition) ? (void)0 : ::bimodal::check_failed(#condition, __FILE__, __LINE__))

// Runs a program of the host to its end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bimodal::sandbox {

// Looks argv[0] up on PATH, feeds it `input`, waits. Fails with what it wrote to
// stderr, or NotFound when there is no such program.
Result<void> run_command(const std::vector<std::string>& argv, std::string_view input);

// The same without input; the first 64 KiB of what it wrote to stdout.
Result<std::string> command_output(const std::vector<std::string>& argv);

}  // namespace bimodal::sandbox

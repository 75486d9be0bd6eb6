// What this host can do, each with the remedy where something is missing.
#pragma once

#include <vector>

#include "cli/settings.h"
#include "sandbox/launcher.h"

namespace bimodal::cli {

// Blocks for some tenths of a second: tries namespaces, mounts and name resolution for real.
std::vector<sandbox::Finding> examine(const Settings& settings);

// Prints a line each. Gives false when something is missing without which no web function can answer.
bool print_findings(const std::vector<sandbox::Finding>& findings);

}  // namespace bimodal::cli

// Removes what a sandbox leaves on the machine once its last process is gone.
#pragma once

#include <filesystem>
#include <vector>

#include "sandbox/records.h"

namespace bimodal::sandbox {

// Removes the work directory, the upper directory unless it is to be kept, the cgroups, and at last the record.
// Blocks for as long as removing the files takes: run it in a child of the launcher.
void sweep(const Records& records, const Record& record, const std::vector<std::filesystem::path>& cgroups);

}  // namespace bimodal::sandbox

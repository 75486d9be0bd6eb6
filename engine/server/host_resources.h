// What this host has for containers, and whether it is short of something right now. Reads /proc; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "scheduler/host_capacity.h"

namespace bimodal::server {

// What containers can reserve: `memory_bytes`, or nine tenths of the host's memory when that is 0 (the rest is for the
// daemon, the kernel and images); its CPUs, `cpu_overcommit` times.
scheduler::HostCapacity::Amount host_amount(std::uint64_t memory_bytes, int cpu_overcommit);

// Why no container should start now, in one line that names the setting: less than `least_available` bytes of memory
// are available, or nine tenths of the host's process ids are in use. What can't be read is no reason. `proc` is /proc.
std::optional<std::string> host_pressure(std::uint64_t least_available, const std::filesystem::path& proc);

// Gateway loops: `configured`, or one for each CPU that this process may run on when that is 0.
int loop_count(int configured);
// Containers that start at once. More would only make each other slow: a start is mostly work for the processor.
int most_starts();

// The variables of this process.
std::map<std::string, std::string> environment();

}  // namespace bimodal::server

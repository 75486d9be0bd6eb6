#include "runtime/exit_reason.h"

#include <fmt/format.h>

#include <cstring>

namespace bimodal::runtime {
namespace {

constexpr std::size_t kMaxReason = 500;

std::string out_of_memory(std::int64_t memory_bytes) {
  if (memory_bytes <= 0) return "out of memory";
  return fmt::format("out of memory (its limit is {} MiB: raise `memory`)", memory_bytes >> 20);
}

std::string killed_by(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name ? fmt::format("terminated by SIG{}", name) : fmt::format("terminated by signal {}", signal);
}

}  // namespace

scheduler::ContainerExit describe_exit(const sandbox::ExitReport& report, std::int64_t memory_bytes) {
  using scheduler::ExitKind;
  if (report.out_of_memory) return {ExitKind::OutOfMemory, out_of_memory(memory_bytes)};
  if (report.signal != 0) return {ExitKind::Signalled, killed_by(report.signal)};
  if (report.exit_code != 0) return {ExitKind::Failed, fmt::format("exited with status {}", report.exit_code)};
  return {};
}

std::string one_line(const std::string& text) {
  std::string line;
  for (char byte : text) {
    bool blank = static_cast<unsigned char>(byte) <= ' ' || byte == 0x7f;
    if (!blank) {
      line += byte;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  if (line.size() <= kMaxReason) return line;
  std::size_t end = kMaxReason;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return line.substr(0, end) + "…";
}

}  // namespace bimodal::runtime

#include "runtime/exit_reason.h"

#include <gtest/gtest.h>

#include <csignal>

namespace bimodal::runtime {
namespace {

using scheduler::ExitKind;

TEST(ExitReason, IsEmptyForARegularEnd) {
  auto exit = describe_exit({.exit_code = 0}, 0);
  EXPECT_EQ(exit.kind, ExitKind::Finished);
  EXPECT_EQ(exit.reason, "");
}

TEST(ExitReason, NamesStatusSignalAndMemoryLimit) {
  EXPECT_EQ(describe_exit({.exit_code = 3}, 0).reason, "exited with status 3");
  EXPECT_EQ(describe_exit({.signal = SIGSEGV}, 0).reason, "terminated by SIGSEGV");
  auto out_of_memory = describe_exit({.signal = SIGKILL, .out_of_memory = true}, 512 << 20);
  EXPECT_EQ(out_of_memory.kind, ExitKind::OutOfMemory);
  EXPECT_EQ(out_of_memory.reason, "out of memory (its limit is 512 MiB: raise `memory`)");
}

TEST(ExitReason, IsOneShortLine) {
  EXPECT_EQ(one_line("Error:\n  no\tmodule\r\n"), "Error: no module");
  std::string cut = one_line(std::string(499, 'x') + "éé");
  EXPECT_EQ(cut, std::string(499, 'x') + "…");
}

}  // namespace
}  // namespace bimodal::runtime

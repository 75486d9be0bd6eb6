#include "server/host_resources.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <fstream>

namespace bimodal::server {
namespace {

class HostPressure : public testing::Test {
 protected:
  HostPressure() {
    char name[] = "/tmp/host-pressure-XXXXXX";
    proc = ::mkdtemp(name);
    std::filesystem::create_directories(proc / "sys/kernel");
    write("meminfo", "MemTotal:       24000000 kB\nMemFree:          100000 kB\nMemAvailable:     204800 kB\n");
    write("loadavg", "0.10 0.20 0.30 2/500 12345\n");
    write("sys/kernel/pid_max", "1000\n");
    write("sys/kernel/threads-max", "4000\n");
  }
  ~HostPressure() override { std::filesystem::remove_all(proc); }
  void write(const char* name, const char* text) { std::ofstream(proc / name) << text; }
  std::filesystem::path proc;
};

constexpr std::uint64_t kMega = 1 << 20;

TEST_F(HostPressure, IsNoneWhereThereIsEnough) {
  EXPECT_EQ(host_pressure(200 * kMega, proc), std::nullopt);
}

TEST_F(HostPressure, NamesMemoryThatIsMissingAndTheSetting) {
  EXPECT_EQ(
      host_pressure(201 * kMega, proc),
      "the host is short of memory: 200 MiB are available, 201 needed to start a container "
      "(scheduler.min_available_memory)");
}

TEST_F(HostPressure, NamesProcessIdsThatAreMissing) {
  write("loadavg", "0.10 0.20 0.30 2/900 12345\n");
  EXPECT_NE(host_pressure(0, proc).value_or("").find("900 of 1000"), std::string::npos);
}

TEST_F(HostPressure, IsNoneWhereNothingCanBeRead) {
  EXPECT_EQ(host_pressure(200 * kMega, proc / "nowhere"), std::nullopt);
}

TEST(HostAmount, IsWhatWasConfiguredOrMostOfTheHost) {
  EXPECT_EQ(host_amount(600 * kMega, 2).memory_mb, 600);
  EXPECT_GT(host_amount(0, 1).memory_mb, 0);
  EXPECT_EQ(host_amount(0, 8).cpu_milli, 8 * host_amount(0, 1).cpu_milli);
}

TEST(LoopCount, IsThatOfTheCpusThatThisProcessMayRunOn) {
  cpu_set_t all;
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  EXPECT_EQ(loop_count(0), CPU_COUNT(&all));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(loop_count(0), 1);
  EXPECT_EQ(loop_count(3), 3);
  EXPECT_EQ(most_starts(), 2);
  ASSERT_EQ(::sched_setaffinity(0, sizeof all, &all), 0);
}

}  // namespace
}  // namespace bimodal::server

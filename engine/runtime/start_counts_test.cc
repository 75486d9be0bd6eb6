#include "runtime/start_counts.h"

#include <gtest/gtest.h>

namespace bimodal::runtime {
namespace {

constexpr std::int64_t kMs = 1'000'000;

model::FunctionVersion function(std::string tag) {
  model::FunctionVersion version;
  version.environment = "main";
  version.app_name = "shop";
  version.tag = std::move(tag);
  return version;
}

bool says(const StartCounts& counts, const std::string& line) {
  metrics::Page page;
  counts.write(page);
  return page.text().find(line + "\n") != std::string::npos;
}

TEST(StartPhases, DivideTheTimeFromTheWishToTheWarmContainer) {
  const scheduler::StartTimes times{10 * kMs, 12 * kMs, 15 * kMs, 19 * kMs};
  EXPECT_EQ(scheduler::phases_of(times).text(), "sandbox=2.0;import=3.0;enter=4.0");
}

TEST(StartPhases, CountEnterAsImportWhenNobodySaidWhenThatWasOver) {
  const scheduler::StartTimes times{10 * kMs, 12 * kMs, 0, 19 * kMs};
  EXPECT_EQ(scheduler::phases_of(times).text(), "sandbox=2.0;import=7.0;enter=0.0");
}

TEST(StartPhases, HoldWhatAContainerClaimsWithinItsStart) {
  EXPECT_EQ(scheduler::phases_of({10 * kMs, 12 * kMs, 1, 19 * kMs}).text(), "sandbox=2.0;import=0.0;enter=7.0");
  EXPECT_EQ(scheduler::phases_of({10 * kMs, 12 * kMs, 99 * kMs, 19 * kMs}).text(), "sandbox=2.0;import=7.0;enter=0.0");
}

TEST(StartCounts, CountsStartsByKindAndEndsByReason) {
  StartCounts counts;
  counts.started(function("f"), "reserve", {1, 2, 3, 4});
  counts.started(function("f"), "reserve", {1, 2, 3, 4});
  counts.started(function("f"), "beginning", {1, 2, 3, 4});
  counts.ended(function("f"), scheduler::ExitKind::OutOfMemory, true);
  counts.ended(function("f"), scheduler::ExitKind::Failed, false);
  const std::string names = R"({environment="main",app="shop",function="f",)";
  EXPECT_TRUE(says(counts, "bimodal_container_starts_total" + names + R"(kind="reserve"} 2)"));
  EXPECT_TRUE(says(counts, "bimodal_container_starts_total" + names + R"(kind="beginning"} 1)"));
  EXPECT_TRUE(says(counts, "bimodal_container_exits_total" + names + R"(reason="out-of-memory"} 1)"));
  EXPECT_TRUE(says(counts, "bimodal_container_exits_total" + names + R"(reason="start-failed"} 1)"));
  for (const char* phase : {"sandbox", "import", "enter"}) {
    EXPECT_TRUE(says(counts, "bimodal_cold_start_seconds_count" + names + "phase=\"" + phase + "\"} 3"));
  }
}

TEST(StartCounts, TellsAtMostSoManyFunctionsApart) {
  StartCounts counts;
  for (std::size_t i = 0; i < StartCounts::kMaxFunctions + 3; ++i) {
    counts.ended(function("f" + std::to_string(i)), scheduler::ExitKind::Finished, true);
  }
  EXPECT_TRUE(says(counts, R"(bimodal_container_exits_total{app="_OTHER",function="_OTHER",reason="finished"} 3)"));
}

}  // namespace
}  // namespace bimodal::runtime

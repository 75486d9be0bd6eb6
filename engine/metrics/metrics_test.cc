#include <gtest/gtest.h>

#include <thread>

#include "metrics/counter.h"
#include "metrics/histogram.h"
#include "metrics/page.h"

namespace bimodal::metrics {
namespace {

TEST(Histogram, CountsAnObservationInTheFirstBucketThatIsNotShorter) {
  Histogram histogram;
  histogram.observe(-5);
  histogram.observe(kBounds_ns.front());
  histogram.observe(kBounds_ns.front() + 1);
  histogram.observe(kBounds_ns.back());
  histogram.observe(kBounds_ns.back() + 1);
  Spread spread;
  histogram.add_to(spread);
  EXPECT_EQ(spread.buckets[0], 2u);
  EXPECT_EQ(spread.buckets[1], 1u);
  EXPECT_EQ(spread.buckets[kBounds_ns.size() - 1], 1u);
  EXPECT_EQ(spread.buckets[kBounds_ns.size()], 1u);
  EXPECT_EQ(spread.count(), 5u);
  EXPECT_EQ(spread.sum_ns, static_cast<std::uint64_t>(2 * (kBounds_ns.front() + kBounds_ns.back()) + 2));
}

TEST(Histogram, TellsQuantilesWithinTheirBucket) {
  Histogram histogram;
  Spread empty;
  EXPECT_EQ(empty.quantile_s(0.5), 0);
  for (int i = 0; i < 99; ++i) histogram.observe(700'000);
  histogram.observe(70'000'000'000);
  Spread spread;
  histogram.add_to(spread);
  EXPECT_GT(spread.quantile_s(0.5), 0.0005);
  EXPECT_LT(spread.quantile_s(0.5), 0.001);
  EXPECT_EQ(spread.quantile_s(1), 60);
}

TEST(Counter, LosesNothingWhileOthersRead) {
  constexpr std::uint64_t kMany = 200'000;
  Counter counter;
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < kMany; ++i) counter.add();
  });
  std::uint64_t before = 0;
  while (before < kMany) {
    const std::uint64_t now = counter.value();
    ASSERT_GE(now, before);
    before = now;
  }
  writer.join();
  EXPECT_EQ(counter.value(), kMany);
}

TEST(Page, WritesEachFamilyOnceWithItsHelpAndType) {
  Page page;
  page.family("first_total", "How often", Type::Counter).add({}, std::uint64_t{3});
  page.family("second", "Level", Type::Gauge).add({{"kind", "a"}}, std::int64_t{-1});
  page.family("first_total", "How often", Type::Counter).add({{"kind", "b"}, {"none", ""}}, std::uint64_t{4});
  EXPECT_EQ(
      page.text(),
      "# HELP first_total How often\n# TYPE first_total counter\nfirst_total 3\nfirst_total{kind=\"b\"} 4\n"
      "# HELP second Level\n# TYPE second gauge\nsecond{kind=\"a\"} -1\n");
}

TEST(Page, EscapesWhatWouldEndALabelOrALine) {
  Page page;
  page.family("x", "a\\b\n\"c\"", Type::Gauge).add({{"name", "q\"u\\o\nte"}}, 0.25);
  EXPECT_EQ(page.text(), "# HELP x a\\\\b\\n\"c\"\n# TYPE x gauge\nx{name=\"q\\\"u\\\\o\\nte\"} 0.25\n");
}

TEST(Page, WritesHistogramsCumulatively) {
  Histogram histogram;
  histogram.observe(400'000);
  histogram.observe(900'000);
  histogram.observe(100'000'000'000);
  Spread spread;
  histogram.add_to(spread);
  Page page;
  page.family("took_seconds", "Time", Type::Histogram).add({{"f", "g"}}, spread);
  const std::string text = page.text();
  EXPECT_NE(text.find("took_seconds_bucket{f=\"g\",le=\"0.0005\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("took_seconds_bucket{f=\"g\",le=\"0.001\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("took_seconds_bucket{f=\"g\",le=\"60\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("took_seconds_bucket{f=\"g\",le=\"+Inf\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("took_seconds_count{f=\"g\"} 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("took_seconds_sum{f=\"g\"} 100.0013\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace bimodal::metrics

// Arrival patterns against the closed form of the algorithm, and what a caller hears who comes too often.
#include "gateway/rate_limits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "gateway/test_support.h"

namespace bimodal::gateway {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// Of how many arrivals (ascending, in ns) pass when R per second and R·B at once may: a bucket that holds R·B tokens
// and fills at R per second, in exact arithmetic of ns·R.
std::int64_t passing(const std::vector<std::int64_t>& arrivals, std::int64_t rate, std::int64_t burst_ns) {
  const __int128 full = static_cast<__int128>(burst_ns) * rate;
  __int128 level = full;
  std::int64_t passed = 0, last = arrivals.empty() ? 0 : arrivals.front();
  for (std::int64_t now : arrivals) {
    level = std::min<__int128>(full, level + static_cast<__int128>(now - last) * rate);
    last = now;
    if (level < kSecond) continue;
    level -= kSecond;
    ++passed;
  }
  return passed;
}

std::vector<std::int64_t> pattern(int count, const std::function<std::int64_t(int)>& at) {
  std::vector<std::int64_t> arrivals;
  for (int i = 0; i < count; ++i) arrivals.push_back(at(i));
  return arrivals;
}

struct Case {
  const char* name;
  std::vector<std::int64_t> arrivals;
  std::int64_t rate = 200, burst_ns = 5 * kSecond;
};

std::vector<Case> cases() {
  const std::int64_t ms = kSecond / 1000;
  return {
      {"all at once", pattern(5000, [](int) { return 0; })},
      {"at the very pace", pattern(5000, [&](int i) { return i * 5 * ms; })},
      {"twice the pace", pattern(8000, [&](int i) { return i * 5 * ms / 2; })},
      {"a hair above the pace", pattern(20000, [&](int i) { return i * (5 * ms - 1000); })},
      {"half the pace", pattern(2000, [&](int i) { return i * 10 * ms; })},
      {"a burst each second", pattern(10000, [&](int i) { return i / 500 * kSecond; })},
      {"a burst each 5 s", pattern(10000, [&](int i) { return i / 1500 * 5 * kSecond; })},
      {"a burst each 10 s", pattern(10000, [&](int i) { return i / 1500 * 10 * kSecond; })},
      {"a flood, an hour's rest, a flood", pattern(6000, [&](int i) { return i < 3000 ? 0 : 3600 * kSecond; })},
      {"a flood, a short rest, a flood", pattern(6000, [&](int i) { return i < 3000 ? 0 : 2 * kSecond; })},
      {"faster and faster", pattern(5000, [&](int i) { return 50 * kSecond - (5000 - i) * (5000 - i) * 2000; })},
      {"slower and slower", pattern(5000, [&](int i) { return std::int64_t{i} * i * 2000; })},
      {"pairs", pattern(5000, [&](int i) { return i / 2 * 8 * ms; })},
      {"a staircase", pattern(6000, [&](int i) { return i / 100 * 300 * ms + i % 100 * ms; })},
      {"the last nanosecond", pattern(3000, [&](int i) { return i < 1000 ? 0 : (i - 999) * 5 * ms - 1; })},
      {"exactly then", pattern(3000, [&](int i) { return i < 1000 ? 0 : (i - 999) * 5 * ms; })},
      {"one a second, one at once", pattern(100, [&](int i) { return i * kSecond / 3; }), 1, kSecond},
      {"less than one at once", pattern(100, [&](int i) { return i * kSecond / 3; }), 2, kSecond / 2},
      {"a million a second", pattern(50000, [](int i) { return i * 700; }), 1'000'000, kSecond / 100},
      {"three a second", pattern(3000, [&](int i) { return i * 111 * ms; }), 3, 5 * kSecond},
  };
}

TEST(Gcra, LetsAsManyPassAsTheClosedFormSays) {
  for (const Case& each : cases()) {
    Gcra gcra;
    const auto rate = Gcra::Rate::of(each.rate, each.burst_ns);
    std::int64_t passed = 0;
    for (std::int64_t now : each.arrivals) passed += gcra.pass(rate, now + 17 * kSecond) == 0;
    EXPECT_NEAR(passed, passing(each.arrivals, each.rate, each.burst_ns), 1) << each.name;
  }
}

TEST(Gcra, LetsAsManyPassFromTwoLoopsThatTakeTurns) {
  for (const Case& each : cases()) {
    Gcra gcra;
    const auto rate = Gcra::Rate::of(each.rate, each.burst_ns);
    std::atomic<std::int64_t> passed = 0;
    std::atomic<std::size_t> turn = 0;
    auto loop = [&](std::size_t number) {
      for (std::size_t i = number; i < each.arrivals.size(); i += 2) {
        while (turn.load() != i) std::this_thread::yield();
        passed += gcra.pass(rate, each.arrivals[i] + 17 * kSecond) == 0;
        turn = i + 1;
      }
    };
    std::thread other(loop, 1);
    loop(0);
    other.join();
    EXPECT_NEAR(passed, passing(each.arrivals, each.rate, each.burst_ns), 1) << each.name;
  }
}

// Loops read the clock at the start of their batches, so that one may be behind what another has said. No clock that
// can be set is asked (Poller::now_ns()).
TEST(Gcra, LetsNoMorePassWhenTheClockSeemsToGoBack) {
  for (const Case& each : cases()) {
    Gcra steady, jumping;
    const auto rate = Gcra::Rate::of(each.rate, each.burst_ns);
    std::int64_t in_order = 0, with_steps = 0;
    for (std::size_t i = 0; i < each.arrivals.size(); ++i) {
      const std::int64_t now = each.arrivals[i] + 17 * kSecond;
      in_order += steady.pass(rate, now) == 0;
      with_steps += jumping.pass(rate, i % 3 == 2 ? now - 2 * kSecond : now) == 0;
    }
    EXPECT_LE(with_steps, in_order + 1) << each.name;
  }
}

TEST(Gcra, SaysWhenTheNextWouldPass) {
  Gcra gcra;
  const auto rate = Gcra::Rate::of(200, 5 * kSecond);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(gcra.pass(rate, 0), 0) << i;
  const std::int64_t wait = gcra.pass(rate, 0);
  EXPECT_EQ(wait, kSecond / 200);
  EXPECT_GT(gcra.pass(rate, wait - 1), 0);
  EXPECT_EQ(gcra.pass(rate, wait), 0);
}

TEST(Gcra, CountsExactlyFromSeveralThreads) {
  Gcra gcra;
  const auto rate = Gcra::Rate::of(200, 5 * kSecond);
  std::atomic<int> passed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) passed += gcra.pass(rate, i * kSecond / 10'000) == 0;
    });
  }
  for (auto& thread : threads) thread.join();
  // 1,000 at once and 200 in each of the two seconds; a thread that lags asks with an older time.
  EXPECT_GE(passed, 1000);
  EXPECT_LE(passed, 1401);
}

TEST(Gcra, HasNoLimitWithoutARate) {
  Gcra gcra;
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(gcra.pass(Gcra::Rate::of(0, kSecond), 0), 0);
}

http::Address address(const std::string& host) {
  return *http::parse_address(host.find(':') == host.npos ? host + ":1" : "[" + host + "]:1");
}

TEST(RateLimits, CountEachClientByItself) {
  RateLimits limits({.client_requests_per_second = 1, .requests_burst = std::chrono::seconds(2)});
  auto passes = [&](const std::string& host) { return !limits.admit_client(address(host), 0); };
  EXPECT_TRUE(passes("10.0.0.1") && passes("10.0.0.1"));
  const auto refused = limits.admit_client(address("10.0.0.1"), 0);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->setting, "limits.client_requests_per_second");
  EXPECT_TRUE(passes("10.0.0.2"));
  EXPECT_TRUE(passes("2001:db8::1") && passes("2001:db8::2"));
  EXPECT_FALSE(passes("2001:db8::3")) << "one network of 64 bits";
  EXPECT_TRUE(passes("2001:db8:0:1::1"));
  EXPECT_FALSE(passes("::ffff:10.0.0.1")) << "the same client by another family";
}

TEST(RateLimits, KeepAFunctionsCountOverAPublish) {
  RateLimits limits({.function_requests_per_second = 1, .requests_burst = std::chrono::seconds(1)});
  auto first = limits.of_function("fu-1");
  EXPECT_FALSE(limits.admit(*first, 0));
  limits.keep({{.host = "a", .function_id = "fu-1"}});
  EXPECT_EQ(limits.of_function("fu-1"), first);
  const auto refused = limits.admit(*first, 0);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->setting, "limits.function_requests_per_second");
  EXPECT_FALSE(limits.admit(*limits.of_function("fu-2"), 0)) << "another function";
  limits.keep({});
  EXPECT_NE(limits.of_function("fu-1"), first);
}

TEST(Gateway, TellsWhoComesTooOftenWhenToComeAgain) {
  Rig rig({.requests_per_second = 2, .requests_burst = 3s});
  rig.publish();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(rig.get("/hello").status, 200) << i;
  const auto refused = rig.get("/hello");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.body, "modal-http: more than 2 requests per second (limits.requests_per_second)");
  EXPECT_EQ(refused.field("bimodal-error"), "rate-limit");
  EXPECT_EQ(refused.field("retry-after"), "1");
}

}  // namespace
}  // namespace bimodal::gateway

#include "acme/certificates.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <future>
#include <thread>

#include "acme/fake_ca.h"
#include "base/private_files.h"

namespace bimodal::acme {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// A CA that is only a function, and a clock that a test turns.
class CertificatesTest : public testing::Test {
 protected:
  CertificatesTest() {
    std::string pattern = (fs::temp_directory_path() / "acme-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~CertificatesTest() override { fs::remove_all(directory_); }

  std::unique_ptr<Certificates> make(bool wildcards = false) {
    Certificates::Options options{
        .directory = directory_ / "certificates", .base_domain = "base.test", .wildcards = wildcards, .now = [this] {
          return std::chrono::system_clock::now() + std::chrono::seconds(later_s_.load());
        }};
    auto obtain = [this](const std::string& name, int attempt, std::stop_token stop) { return order(name, stop); };
    return std::make_unique<Certificates>(std::move(options), obtain);
  }

  Outcome<Issued> order(const std::string& name, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    ordered_.push_back(name);
    most_at_once_ = std::max(most_at_once_, ++at_once_);
    changed_.notify_all();
    changed_.wait(lock, stop, [this] { return !held_; });
    --at_once_;
    changed_.notify_all();
    if (stop.stop_requested()) return tl::unexpected(Failure{{Code::Cancelled, "stopped"}, std::nullopt});
    if (!reason_.empty()) return tl::unexpected(Failure{{Code::Unavailable, name + ": " + reason_}, retry_after_});
    const Key key = Key::make();
    return Issued{FakeCa::issue(key.handle(), name, valid_s_), key.pem()};
  }

  void wait_for_orders(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ordered_.size() >= count; });
  }
  void hold(bool held) {
    const std::scoped_lock lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  std::size_t orders() {
    const std::scoped_lock lock(mutex_);
    return ordered_.size();
  }

  static std::future<CertificatePtr> ask(Certificates& certificates, const std::string& name) {
    auto promise = std::make_shared<std::promise<CertificatePtr>>();
    auto future = promise->get_future();
    certificates.obtain(name, [promise](CertificatePtr found) { promise->set_value(std::move(found)); });
    return future;
  }

  static NameState state_of(const Certificates& certificates, const std::string& name) {
    for (const NameState& state : certificates.states()) {
      if (state.name == name) return state;
    }
    return {};
  }

  fs::path directory_;
  std::atomic<long> later_s_ = 0;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool held_ = false;
  std::string reason_;
  std::optional<std::chrono::seconds> retry_after_;
  long valid_s_ = 90 * 24 * 3600;
  std::vector<std::string> ordered_;
  int at_once_ = 0, most_at_once_ = 0;
};

TEST_F(CertificatesTest, OrdersOnFirstUseAndNotBefore) {
  auto certificates = make();
  certificates->own({"api.example.com"});
  certificates->start();
  EXPECT_EQ(certificates->find("api.example.com"), nullptr);
  EXPECT_EQ(orders(), 0u);
  EXPECT_EQ(ask(*certificates, "api.example.com").get()->name, "api.example.com");
  EXPECT_NE(certificates->find("api.example.com"), nullptr);
  ask(*certificates, "api.example.com").get();
  EXPECT_EQ(orders(), 1u);
}

TEST_F(CertificatesTest, NeverAsksForANameThatNobodyOwns) {
  auto certificates = make();
  certificates->own({"api.example.com", "*.wild.example.com"});
  certificates->start();
  for (const char* name :
       {"other.example.com", "a.api.example.com", "example.com", "*.example.com", "a.wild.example.com", "", "localhost",
        "API.example.com", "api.example.com."}) {
    EXPECT_EQ(ask(*certificates, name).get(), nullptr) << name;
  }
  EXPECT_EQ(orders(), 0u);
}

TEST_F(CertificatesTest, ManyCallersShareOneOrder) {
  auto certificates = make();
  certificates->own({"api.example.com"});
  certificates->start();
  hold(true);
  std::vector<std::future<CertificatePtr>> waiting;
  for (int i = 0; i < 100; ++i) waiting.push_back(ask(*certificates, "api.example.com"));
  hold(false);
  for (auto& one : waiting) EXPECT_NE(one.get(), nullptr);
  EXPECT_EQ(orders(), 1u);
}

TEST_F(CertificatesTest, RunsABoundedNumberOfOrdersAtOnce) {
  auto certificates = make();
  std::set<std::string> names;
  for (int i = 0; i < 20; ++i) names.insert(fmt::format("a{}.example.com", i));
  certificates->own(names);
  certificates->start();
  hold(true);
  std::vector<std::future<CertificatePtr>> waiting;
  for (const std::string& name : names) waiting.push_back(ask(*certificates, name));
  wait_for_orders(Certificates::kWorkers);
  hold(false);
  for (auto& one : waiting) EXPECT_NE(one.get(), nullptr);
  EXPECT_EQ(most_at_once_, Certificates::kWorkers);
}

TEST_F(CertificatesTest, AFailureIsToldAtOnceUntilItIsTimeToTryAgain) {
  auto certificates = make();
  certificates->own({"api.example.com"});
  certificates->start();
  reason_ = "no DNS";
  EXPECT_EQ(ask(*certificates, "api.example.com").get(), nullptr);
  EXPECT_EQ(ask(*certificates, "api.example.com").get(), nullptr);
  EXPECT_EQ(orders(), 1u);
  const NameState state = state_of(*certificates, "api.example.com");
  EXPECT_EQ(state.phase, NameState::Phase::Failing);
  EXPECT_EQ(state.reason, "api.example.com: no DNS");
  ASSERT_TRUE(state.retry_at);
  reason_ = "";
  later_s_ = 180;
  certificates->wake();
  wait_for_orders(2);  // by itself: somebody wanted it
  EXPECT_NE(ask(*certificates, "api.example.com").get(), nullptr);
}

TEST_F(CertificatesTest, BackOffOutlivesARestart) {
  reason_ = "no DNS";
  {
    auto certificates = make();
    certificates->own({"api.example.com"});
    certificates->start();
    ask(*certificates, "api.example.com").get();
  }
  auto certificates = make();
  certificates->own({"api.example.com"});
  certificates->start();
  EXPECT_EQ(ask(*certificates, "api.example.com").get(), nullptr);
  EXPECT_EQ(orders(), 1u);
  EXPECT_EQ(state_of(*certificates, "api.example.com").reason, "api.example.com: no DNS");
}

TEST_F(CertificatesTest, KeepsWhatItHasOverARestartWithModes0600) {
  {
    auto certificates = make(true);
    certificates->own({"api.example.com", "*.wild.example.com"});
    certificates->start();
    ask(*certificates, "api.example.com").get();
    ask(*certificates, "any.wild.example.com").get();
  }
  for (const auto& file : fs::directory_iterator(directory_ / "certificates")) {
    struct stat status{};
    ::stat(file.path().c_str(), &status);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << file.path();
  }
  auto again = make(true);
  EXPECT_NE(again->find("api.example.com"), nullptr);
  EXPECT_EQ(again->find("other.wild.example.com")->name, "*.wild.example.com");
  EXPECT_EQ(orders(), 2u);
}

TEST_F(CertificatesTest, AnOrderThatADeathCutOffBeginsAnew) {
  hold(true);
  auto first = make();
  first->own({"api.example.com"});
  first->start();
  auto waiting = ask(*first, "api.example.com");
  wait_for_orders(1);
  // What a killed daemon would leave, read by the next one.
  fs::copy(directory_ / "certificates", directory_ / "copy");
  first->stop();
  EXPECT_EQ(waiting.get(), nullptr) << "who waits is told";
  fs::remove_all(directory_ / "certificates");
  fs::rename(directory_ / "copy", directory_ / "certificates");
  hold(false);
  auto second = make();
  second->start();
  EXPECT_EQ(orders(), 1u) << "not before somebody owns it";
  second->own({"api.example.com"});
  wait_for_orders(2);
  EXPECT_NE(ask(*second, "api.example.com").get(), nullptr);
}

TEST_F(CertificatesTest, RenewsAtTwoThirdsOfTheLifeAndServesTheOldOneMeanwhile) {
  auto certificates = make();
  certificates->own({"api.example.com"});
  certificates->start();
  const CertificatePtr old = ask(*certificates, "api.example.com").get();
  later_s_ = 59 * 24 * 3600;
  certificates->wake();
  EXPECT_EQ(certificates->find("api.example.com"), old);
  EXPECT_EQ(orders(), 1u);
  hold(true);
  later_s_ = 64 * 24 * 3600;
  certificates->wake();
  wait_for_orders(2);
  EXPECT_EQ(certificates->find("api.example.com"), old);
  EXPECT_EQ(ask(*certificates, "api.example.com").get(), old) << "nobody waits for a renewal";
  hold(false);
  while (certificates->find("api.example.com") == old) std::this_thread::yield();
}

TEST_F(CertificatesTest, DoesntRenewWhatNobodyOwnsAnyMore) {
  auto certificates = make();
  certificates->own({"api.example.com"});
  certificates->start();
  ask(*certificates, "api.example.com").get();
  certificates->own({});
  later_s_ = 80 * 24 * 3600;
  certificates->wake();
  EXPECT_NE(certificates->find("api.example.com"), nullptr) << "callers of a stopped app are told so over TLS";
  EXPECT_EQ(ask(*certificates, "api.example.com").get()->name, "api.example.com");
  EXPECT_EQ(orders(), 1u);
  later_s_ = 91 * 24 * 3600;
  EXPECT_EQ(certificates->find("api.example.com"), nullptr);
}

TEST_F(CertificatesTest, OneWildcardServesAllOrdinaryNamesWhereDnsCanBeAnswered) {
  auto certificates = make(true);
  certificates->own({"ws--a.base.test", "ws--b.base.test", "api.base.test", "api.example.com"});
  certificates->start();
  EXPECT_EQ(ask(*certificates, "ws--a.base.test").get()->name, "*.base.test");
  EXPECT_EQ(ask(*certificates, "api.base.test").get()->name, "*.base.test");
  EXPECT_EQ(ask(*certificates, "api.example.com").get()->name, "api.example.com");
  EXPECT_EQ(orders(), 2u);
  EXPECT_EQ(certificates->certificate_for("ws--b.base.test"), "*.base.test");
  EXPECT_EQ(certificates->certificate_for("unknown.base.test"), "");
}

TEST_F(CertificatesTest, DamagedFilesAreLeftAloneAndOldOnesGo) {
  const fs::path directory = directory_ / "certificates";
  const Key key = Key::make();
  ASSERT_TRUE(write_private(
      directory / "old.example.com.pem", key.pem() + FakeCa::issue(key.handle(), "old.example.com", -40L * 24 * 3600)));
  for (const char* text : {"", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    ASSERT_TRUE(write_private(directory / "bad.example.com.pem", text));
    ASSERT_TRUE(write_private(directory / "bad.example.com.json", text));
    EXPECT_EQ(make()->find("bad.example.com"), nullptr);
  }
  EXPECT_FALSE(fs::exists(directory / "old.example.com.pem"));
  EXPECT_TRUE(fs::exists(directory / "bad.example.com.pem"));
}

TEST(BackOff, DoublesUpToHalfADayAndTriesFiveTimesInTheFirstHour) {
  std::chrono::milliseconds sum{0};
  std::vector<std::chrono::milliseconds> at;
  for (int failures = 1; failures < 30; ++failures) {
    const auto wait = back_off("api.example.com", failures, std::nullopt, std::nullopt);
    EXPECT_LE(wait, std::chrono::hours(12) * 11 / 10);
    sum += wait;
    at.push_back(sum);
  }
  EXPECT_LT(at[3], 1h);
  EXPECT_GT(at[4], 50min);
  EXPECT_GT(back_off("a.b", 1, std::chrono::hours(5), std::nullopt), 4h) << "the CA's wish";
  EXPECT_LE(back_off("a.b", 9, std::nullopt, std::chrono::hours(1)), 6min) << "while there is time left";
}

TEST(RenewalTime, DiffersBetweenNamesOfTheSameAge) {
  const auto now = std::chrono::system_clock::now();
  std::set<Time> times;
  for (int i = 0; i < 50; ++i) {
    const Certificate one{fmt::format("a{}.example.com", i), "", "", now, now + 90 * 24h};
    const auto at = renewal_time(one) - now;
    EXPECT_GE(at, 60 * 24h);
    EXPECT_LE(at, 63 * 24h);
    times.insert(renewal_time(one));
  }
  EXPECT_GT(times.size(), 40u);
}

}  // namespace
}  // namespace bimodal::acme

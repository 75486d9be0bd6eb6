#include "acme/client.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "acme/fake_ca.h"
#include "base/private_files.h"

namespace bimodal::acme {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class ClientTest : public testing::Test {
 protected:
  ClientTest() {
    std::string pattern = (fs::temp_directory_path() / "acme-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    options_.directory = "https://ca.test/directory";
    options_.email = "who@example.com";
    options_.account_key = directory_ / "keys" / "account.pem";
  }
  ~ClientTest() override { fs::remove_all(directory_); }

  Client client() {
    auto wait = [this](std::chrono::milliseconds span, std::stop_token stop) {
      waited_ += span;
      ++waits_;
      return !stop.stop_requested();
    };
    return Client(options_, ca_.fetch(), answers_, wait);
  }

  Outcome<Issued> obtain(const std::string& name, int attempt = 0) {
    return client().obtain(name, attempt, std::stop_token());
  }

  fs::path directory_;
  ClientOptions options_;
  Answers answers_{DnsHook("")};
  FakeCa ca_{answers_};
  std::chrono::milliseconds waited_{0};
  int waits_ = 0;
};

TEST_F(ClientTest, GetsACertificateThatFitsItsKey) {
  const auto issued = obtain("api.example.com");
  ASSERT_TRUE(issued) << issued.error().error.message;
  const ChainFacts facts = read_chain(issued->chain_pem, Key::parse(issued->key_pem).value()).value();
  EXPECT_EQ(facts.names, std::vector<std::string>{"api.example.com"});
  EXPECT_EQ(ca_.account["contact"][0], "mailto:who@example.com");
  EXPECT_EQ(ca_.account["termsOfServiceAgreed"], true);
  EXPECT_FALSE(answers_.http("token0")) << "the answer is taken back";
}

TEST_F(ClientTest, KeepsTheAccountsKeyToItself) {
  ASSERT_TRUE(obtain("api.example.com"));
  struct stat status{};
  ASSERT_EQ(::stat(options_.account_key.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const std::string before = read_file(options_.account_key).value();
  ASSERT_TRUE(obtain("b.example.com"));
  EXPECT_EQ(read_file(options_.account_key).value(), before) << "one account for all";
}

TEST_F(ClientTest, TriesTheNextKindOfChallengeWithTheNextAttempt) {
  for (int attempt = 0; attempt < 3; ++attempt) ASSERT_TRUE(obtain("api.example.com", attempt));
  EXPECT_EQ(ca_.proven, (std::vector<std::string>{"http-01", "tls-alpn-01", "http-01"}));
}

TEST_F(ClientTest, RepeatsARequestWhoseNonceWasBadButNotForEver) {
  ca_.bad_nonces = 4;
  EXPECT_TRUE(obtain("api.example.com"));
  ca_.bad_nonces = 1000;
  const auto refused = obtain("api.example.com");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().error.message.find("badNonce"), std::string::npos) << refused.error().error.message;
  EXPECT_EQ(ca_.bad_nonces, 1000 - 8);
}

TEST_F(ClientTest, WaitsForAnOrderThatIsProcessedButNotForEver) {
  ca_.slow_looks = 3;
  EXPECT_TRUE(obtain("api.example.com"));
  EXPECT_EQ(waits_, 3);
  ca_.slow_looks = 100'000;
  const auto late = obtain("api.example.com");
  EXPECT_EQ(late.error().error.code, Code::DeadlineExceeded);
  EXPECT_LT(waited_, 5min);
}

TEST_F(ClientTest, ProblemsBecomeErrorsWithNameKindAndRemedy) {
  struct Row {
    const char *at, *type;
    int status;
    Code code;
    const char* remedy;
  };
  const Row table[] = {
      {"/new-account", "externalAccountRequired", 403, Code::FailedPrecondition, "acme.eab_file"},
      {"/new-account", "invalidContact", 400, Code::InvalidArgument, "acme.email"},
      {"/new-account", "userActionRequired", 403, Code::FailedPrecondition, "follow what the CA says"},
      {"/new-order", "rateLimited", 429, Code::ResourceExhausted, "later"},
      {"/new-order", "rejectedIdentifier", 400, Code::PermissionDenied, "doesn't issue for that name"},
      {"/new-order", "serverInternal", 500, Code::Unavailable, "later"},
      {"/new-order", "accountDoesNotExist", 400, Code::NotFound, "keys/acme"},
      {"/authorization/0", "caa", 403, Code::PermissionDenied, "CAA record"},
      {"/http-01/0", "malformed", 400, Code::FailedPrecondition, "malformed"},
      {"/finalize/0", "badCSR", 400, Code::InvalidArgument, "doesn't issue"},
      {"/certificate/0", "unauthorized", 403, Code::PermissionDenied, "something else answers"},
  };
  for (const Row& row : table) {
    FakeCa fresh(answers_);
    fresh.problems.push_back({row.at, row.type, row.status, ""});
    Client one(options_, fresh.fetch(), answers_, [](auto, auto) { return true; });
    const auto failed = one.obtain("api.example.com", 0, std::stop_token());
    ASSERT_FALSE(failed) << row.at << " " << row.type;
    const Error& why = failed.error().error;
    EXPECT_EQ(why.code, row.code) << why.message;
    for (const char* part : {"api.example.com", row.type, row.remedy}) {
      EXPECT_NE(why.message.find(part), std::string::npos) << why.message << " lacks " << part;
    }
  }
}

TEST_F(ClientTest, AFailedChallengeSaysWhichOneAndWhatToDo) {
  ca_.unreachable = {"tls-alpn-01"};
  const auto failed = obtain("api.example.com", 1);
  ASSERT_FALSE(failed);
  const std::string& text = failed.error().error.message;
  for (const char* part :
       {"api.example.com: connection", "port 80", "bimodal domain check api.example.com", "[tls-alpn-01]"}) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  EXPECT_EQ(answers_.tls("api.example.com"), nullptr);
}

TEST_F(ClientTest, TellsWhenTheCaWantsToBeAskedAgain) {
  ca_.problems.push_back({"/new-order", "rateLimited", 429, "3600"});
  EXPECT_EQ(obtain("api.example.com").error().retry_after, std::chrono::hours(1));
}

TEST_F(ClientTest, MakesTheAccountAnewWhenTheCaHasForgottenIt) {
  ca_.problems.push_back({"/new-order", "accountDoesNotExist", 400, ""});
  Client one = client();
  EXPECT_FALSE(one.obtain("api.example.com", 0, std::stop_token()));
  EXPECT_TRUE(one.obtain("api.example.com", 0, std::stop_token()));
  EXPECT_EQ(std::count(ca_.paths.begin(), ca_.paths.end(), "/new-account"), 2);
}

TEST_F(ClientTest, RefusesACertificateForAnotherNameOrOneThatHasEnded) {
  ca_.other_name = "evil.example.com";
  EXPECT_NE(obtain("api.example.com").error().error.message.find("other names"), std::string::npos);
  ca_.other_name = "";
  ca_.valid_seconds = -60;
  EXPECT_NE(obtain("api.example.com").error().error.message.find("expired"), std::string::npos);
}

TEST_F(ClientTest, AWildcardNeedsTheHook) {
  const auto failed = obtain("*.example.com");
  EXPECT_NE(failed.error().error.message.find("acme.dns_hook"), std::string::npos) << failed.error().error.message;
  ca_.offered = {"dns-01"};
  EXPECT_FALSE(obtain("api.example.com"));
  EXPECT_TRUE(ca_.proven.empty()) << "nothing is begun that can't succeed";
}

TEST_F(ClientTest, GivesTheHookTheRecordAndTakesItAway) {
  const fs::path log = directory_ / "said", hook = directory_ / "hook";
  std::ofstream(hook) << "#!/bin/sh\necho \"$@\" >> " << log.string() << "\n";
  ::chmod(hook.c_str(), 0755);
  Answers answers{DnsHook(hook)};
  FakeCa ca(answers);
  Client one(options_, ca.fetch(), answers, [](auto, auto) { return true; });
  ASSERT_TRUE(one.obtain("*.example.com", 2, std::stop_token()));
  EXPECT_EQ(ca.proven, std::vector<std::string>{"dns-01"});
  const Key key = Key::parse(read_file(options_.account_key).value()).value();
  const std::string value = base64url(sha256("token0." + key.thumbprint()));
  EXPECT_EQ(
      read_file(log).value(),
      "present _acme-challenge.example.com " + value + "\ncleanup _acme-challenge.example.com " + value + "\n");
}

TEST_F(ClientTest, SaysWhatAHookThatFailsPrinted) {
  const fs::path hook = directory_ / "hook";
  std::ofstream(hook) << "#!/bin/sh\necho no such zone >&2\nexit 3\n";
  ::chmod(hook.c_str(), 0755);
  Answers answers{DnsHook(hook)};
  FakeCa ca(answers);
  ca.offered = {"dns-01"};
  Client one(options_, ca.fetch(), answers, [](auto, auto) { return true; });
  const auto failed = one.obtain("*.example.com", 0, std::stop_token());
  const std::string& text = failed.error().error.message;
  EXPECT_NE(text.find("present _acme-challenge.example.com: exit status 3: no such zone"), std::string::npos) << text;
  Answers missing{DnsHook(directory_ / "nothing")};
  FakeCa other(missing);
  other.offered = {"dns-01"};
  Client two(options_, other.fetch(), missing, [](auto, auto) { return true; });
  EXPECT_NE(two.obtain("*.a.b", 0, std::stop_token()).error().error.message.find("acme.dns_hook"), std::string::npos);
}

TEST_F(ClientTest, AHookThatHangsEndsWhenStopped) {
  const fs::path hook = directory_ / "hook";
  std::ofstream(hook) << "#!/bin/sh\nsleep 1000 & wait\n";
  ::chmod(hook.c_str(), 0755);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(DnsHook(hook).present("_acme-challenge.a.b", "v", stop.get_token()).error().code, Code::Cancelled);
}

TEST_F(ClientTest, SendsTheExternalAccountWhereOneIsWanted) {
  ca_.wants_external = true;
  EXPECT_NE(obtain("api.example.com").error().error.message.find("acme.eab_file"), std::string::npos);
  options_.external = ExternalAccount{"kid-1", "c2VjcmV0"};
  ASSERT_TRUE(obtain("api.example.com"));
  EXPECT_TRUE(ca_.account.contains("externalAccountBinding"));
}

TEST_F(ClientTest, AnswersThatAreNoJsonOrLackMembersFailInWords) {
  for (const char* body : {"", "[]", "null", "{}", "{\"newNonce\": 5}", "<html>", "\"text\"", "{\"newOrder\":[]}"}) {
    auto fetch = [body](const HttpRequest&, std::stop_token) -> Result<HttpResponse> {
      return HttpResponse{.status = 200, .fields = {{"replay-nonce", "n"}, {"location", "https://x"}}, .body = body};
    };
    Client one(options_, fetch, answers_, [](auto, auto) { return true; });
    EXPECT_NE(one.obtain("a.b", 0, {}).error().error.message.find("no ACME directory"), std::string::npos) << body;
    auto later = [&](const HttpRequest& request, std::stop_token stop) -> Result<HttpResponse> {
      const bool early = request.url.ends_with("directory") || request.url.ends_with("nonce");
      return early ? ca_.fetch()(request, stop) : fetch(request, stop);
    };
    Client two(options_, later, answers_, [](auto, auto) { return true; });
    EXPECT_FALSE(two.obtain("a.b", 0, {})) << body;
  }
}

TEST(RetryAfter, ReadsSecondsAndDatesWithinAWeek) {
  const auto now = std::chrono::system_clock::from_time_t(1'700'000'000);  // Tue, 14 Nov 2023 22:13:20 GMT
  const std::pair<const char*, std::optional<std::chrono::seconds>> table[] = {
      {"", std::nullopt},
      {"0", 0s},
      {"120", 120s},
      {"99999999999999999999", 7 * 24h},
      {"Tue, 14 Nov 2023 22:14:20 GMT", 60s},
      {"Tue, 14 Nov 2023 22:00:00 GMT", 0s},
      {"soon", std::nullopt},
      {"-5", std::nullopt}};
  for (const auto& [text, expected] : table) {
    EXPECT_EQ(retry_after(HttpResponse{.fields = {{"retry-after", text}}}, now), expected) << text;
  }
}

}  // namespace
}  // namespace bimodal::acme

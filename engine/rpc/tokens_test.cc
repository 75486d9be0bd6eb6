#include "rpc/tokens.h"

#include <grpcpp/create_channel_posix.h>
#include <gtest/gtest.h>

#include "base/ids.h"
#include "rpc/guesses.h"
#include "rpc/host_fixture.h"

namespace bimodal::rpc {
namespace {

using Verdict = Tokens::Verdict;

KnownToken known(const std::string& id, const std::string& secret, std::int64_t expires_at = 0) {
  return {id, sha256_hex(secret), expires_at};
}

TEST(Tokens, KnowTheHomesOwnAndThoseThatWerePublished) {
  Tokens tokens({"ak-home", "as-home"});
  EXPECT_EQ(tokens.check("ak-home", "as-home", 1), Verdict::Good);
  EXPECT_EQ(tokens.check("ak-2", "as-2", 1), Verdict::Wrong);
  tokens.publish({known("ak-2", "as-2")});
  EXPECT_EQ(tokens.check("ak-2", "as-2", 1), Verdict::Good);
  EXPECT_EQ(tokens.check("ak-home", "as-home", 1), Verdict::Good);
  tokens.publish({});
  EXPECT_EQ(tokens.check("ak-2", "as-2", 1), Verdict::Wrong);
  EXPECT_FALSE(tokens.is_good("ak-2", 1));
}

TEST(Tokens, TakeNothingThatOnlyLooksLikeASecret) {
  Tokens tokens({"ak-1", "as-1"});
  for (const std::string& secret :
       {std::string(), std::string("as-"), std::string("as-1 "), std::string("AS-1"), std::string("as-1\0", 5),
        std::string("as-11"), sha256_hex("as-1")}) {
    EXPECT_EQ(tokens.check("ak-1", secret, 1), Verdict::Wrong) << secret;
  }
  EXPECT_EQ(tokens.check("", "", 1), Verdict::Wrong);
  EXPECT_EQ(tokens.check("AK-1", "as-1", 1), Verdict::Wrong);
}

TEST(Tokens, EndWithTheirTime) {
  Tokens tokens({"ak-home", "as-home"});
  tokens.publish({known("ak-2", "as-2", 100)});
  EXPECT_EQ(tokens.check("ak-2", "as-2", 99), Verdict::Good);
  EXPECT_EQ(tokens.check("ak-2", "as-2", 100), Verdict::Expired);
  EXPECT_EQ(tokens.check("ak-2", "as-3", 100), Verdict::Wrong);  // whether it has expired is for its owner
  EXPECT_FALSE(tokens.is_good("ak-2", 100));
}

TEST(Tokens, RememberWhenTheyWereUsedLast) {
  Tokens tokens({"ak-home", "as-home"});
  tokens.publish({known("ak-2", "as-2"), known("ak-3", "as-3")});
  tokens.check("ak-2", "as-2", 7);
  tokens.check("ak-3", "wrong", 8);
  tokens.publish({known("ak-2", "as-2"), known("ak-3", "as-3")});
  const std::vector<std::pair<std::string, std::int64_t>> expected = {{"ak-2", 7}};
  EXPECT_EQ(tokens.take_uses(), expected);
  EXPECT_TRUE(tokens.take_uses().empty());
}

TEST(Guesses, ShutAnAddressOutForATimeOnly) {
  Guesses guesses;
  const Guesses::Time start{std::chrono::hours(1)};
  for (int i = 0; i < Guesses::kAtOnce; ++i) {
    EXPECT_FALSE(guesses.are_used_up("192.0.2.1", start)) << i;
    guesses.note("192.0.2.1", start);
  }
  EXPECT_TRUE(guesses.are_used_up("192.0.2.1", start));
  EXPECT_FALSE(guesses.are_used_up("192.0.2.2", start));
  EXPECT_FALSE(guesses.are_used_up("192.0.2.1", start + Guesses::kPause));
  for (int i = 0; i < 1000; ++i) guesses.note("192.0.2.1", start);
  EXPECT_FALSE(guesses.are_used_up("192.0.2.1", start + Guesses::kPause));
}

TEST(Guesses, NeverShutOutTheHostItself) {
  Guesses guesses;
  for (int i = 0; i < 100; ++i) {
    guesses.note("127.0.0.1", {});
    guesses.note("::1", {});
  }
  EXPECT_FALSE(guesses.are_used_up("127.0.0.1", {}));
  EXPECT_FALSE(guesses.are_used_up("::1", {}));
}

TEST(Guesses, TakeANetworkOfIpv6ForOneClient) {
  Guesses guesses;
  const Guesses::Time start{std::chrono::hours(1)};
  for (int i = 0; i < 100; ++i) guesses.note("2001:db8::" + std::to_string(i), start);
  EXPECT_TRUE(guesses.are_used_up("2001:db8::abcd", start));
  EXPECT_FALSE(guesses.are_used_up("2001:db8:0:1::1", start));
  EXPECT_EQ(network_of("::ffff:192.0.2.1"), "192.0.2.1");
}

TEST(Guesses, RememberABoundedNumberOfAddressesAndLogFewLines) {
  Guesses guesses;
  const Guesses::Time start{std::chrono::hours(1)};
  for (int i = 0; i < 100; ++i) guesses.note("192.0.2.1", start);
  int lines = 0;
  for (std::size_t i = 0; i < 2 * Guesses::kMaxAddresses; ++i) {
    lines += guesses.note("198.18." + std::to_string(i / 250) + "." + std::to_string(i % 250), start) ? 1 : 0;
  }
  EXPECT_TRUE(guesses.are_used_up("192.0.2.1", start)) << "others' failures must not wash it out";
  EXPECT_LE(lines, Guesses::kLinesPerSecond);
}

// A client who came by way of the edge, from another host.
class EdgeClientTest : public HostTest {
 protected:
  EdgeClientTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    host_->adopt_client(UniqueFd(ends[0]), "203.0.113.7");
    remote_ = api::ModalClient::NewStub(grpc::CreateInsecureChannelFromFd("edge", ends[1]));
  }

  grpc::Status ask(const std::string& id, const std::string& secret) {
    grpc::ClientContext context;
    sign(context, id, secret);
    context.set_deadline(std::chrono::system_clock::now() + 5s);
    api::AppGetLifecycleRequest request;
    request.set_app_id("ap-x");
    api::AppGetLifecycleResponse response;
    return remote_->AppGetLifecycle(&context, request, &response);
  }

  std::unique_ptr<api::ModalClient::Stub> remote_;
};

TEST_F(EdgeClientTest, NeedsATokenLikeEverybody) {
  EXPECT_EQ(ask("ak-1", "as-1").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ask("ak-1", "as-2").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(ask("", "").error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(EdgeClientTest, IsShutOutWhenItGuesses) {
  for (int i = 0; i < Guesses::kAtOnce; ++i) {
    ASSERT_EQ(ask("ak-1", "as-" + std::to_string(i + 10)).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  }
  const auto refused = ask("ak-1", "as-1");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(refused.error_message().find("203.0.113.7"), std::string::npos);
  EXPECT_EQ(lifecycle("ap-x").error_code(), grpc::StatusCode::NOT_FOUND) << "others are served";
}

TEST_F(EdgeClientTest, LosesWhatItHasRunningWithItsToken) {
  tokens_.publish({known("ak-2", "as-2")});
  grpc::ClientContext context;
  sign(context, "ak-2", "as-2");
  context.set_deadline(std::chrono::system_clock::now() + 10s);
  api::AppGetLogsRequest request;
  request.set_app_id("endless");
  auto reader = remote_->AppGetLogs(&context, request);
  api::TaskLogsBatch batch;
  ASSERT_TRUE(reader->Read(&batch));
  tokens_.publish({});
  boost::asio::post(
      loop_.executor(), [this] { host_->end_calls([](const Caller& caller) { return caller.token_id == "ak-2"; }); });
  while (reader->Read(&batch)) {
  }
  EXPECT_NE(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(ask("ak-2", "as-2").error_code(), grpc::StatusCode::UNAUTHENTICATED) << "on the same connection";
}

}  // namespace
}  // namespace bimodal::rpc

#include "sandbox/protocol.h"

#include <gtest/gtest.h>

#include "sandbox/init_plan.h"
#include "sandbox/spec_check.h"

namespace bimodal::sandbox {
namespace {

Spec full_spec() {
  Spec spec;
  spec.name = "ta-1";
  spec.layers = {"/l/a", "/l/b"};
  spec.upper = "/u/1";
  spec.keep_upper = true;
  spec.binds = {{"/s", "/t", false}};
  spec.argv = {"python", "-c", "pass"};
  spec.env = {{"A", "1"}, {"B", ""}};
  spec.cwd = "/root";
  spec.user = "ann";
  spec.uid_base = 1'000'000'000;
  spec.profile = Profile::Build;
  spec.network = Network::Egress;
  spec.limits = {.memory_bytes = std::int64_t{1} << 40, .cpu_milli = 500, .pids = 7};
  spec.fds = {{4, 0}, {5, 3}};
  return spec;
}

TEST(Protocol, ASpecSurvivesTheJourney) {
  auto decoded = decode_spec(encode(full_spec()));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(encode(*decoded), encode(full_spec()));
  EXPECT_EQ(decoded->limits.memory_bytes, std::int64_t{1} << 40);
  EXPECT_EQ(decoded->fds[1].number, 3);
}

TEST(Protocol, EveryCutMessageIsRefused) {
  std::string whole = encode(full_spec());
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(decode_spec(whole.substr(0, size))) << size;
  std::string reply = encode(Reply{.kind = Reply::Kind::Exited, .id = 3, .report = {.signal = 9}});
  for (std::size_t size = 0; size < reply.size(); ++size) EXPECT_FALSE(decode_reply(reply.substr(0, size))) << size;
}

TEST(Protocol, RepliesKeepNegativeExitCodes) {
  auto decoded = decode_reply(encode(Reply{.kind = Reply::Kind::Exited, .report = {.exit_code = -1, .signal = 9}}));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->report.exit_code, -1);
}

TEST(Protocol, APlanSurvivesTheJourney) {
  InitPlan plan{.argv = {"a"}, .env = {"B=c"}, .path = "/bin", .cwd = "/", .capabilities = 5, .numbers = {0, 9}};
  InitPlan decoded;
  ASSERT_TRUE(decoded.decode(plan.encode()));
  EXPECT_EQ(decoded.encode(), plan.encode());
  EXPECT_FALSE(InitPlan().decode("short"));
}

TEST(SpecCheck, NamesTheFieldThatCantWork) {
  EXPECT_TRUE(check_spec(full_spec()));
  auto complaint = [](auto change) {
    Spec spec = full_spec();
    change(spec);
    auto checked = check_spec(spec);
    return checked ? std::string("accepted") : checked.error().message;
  };
  EXPECT_NE(complaint([](Spec& s) { s.name = "../x"; }).find("name"), std::string::npos);
  EXPECT_NE(complaint([](Spec& s) { s.layers.clear(); }).find("layers"), std::string::npos);
  EXPECT_NE(complaint([](Spec& s) { s.upper = "relative"; }).find("upper"), std::string::npos);
  EXPECT_NE(complaint([](Spec& s) { s.binds[0].target = "t"; }).find("bind"), std::string::npos);
  EXPECT_NE(complaint([](Spec& s) { s.argv.clear(); }).find("argv"), std::string::npos);
  EXPECT_NE(complaint([](Spec& s) { s.hostname = "a b"; }).find("hostname"), std::string::npos);
  EXPECT_NE(complaint([](Spec& s) { s.limits.pids = 0; }).find("pids"), std::string::npos);
}

}  // namespace
}  // namespace bimodal::sandbox

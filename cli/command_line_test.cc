#include "cli/command_line.h"

#include <gtest/gtest.h>

namespace bimodal::cli {
namespace {

using Words = std::vector<std::string>;

PassedOn split(const Words& words) {
  return split_client_command(words).value();
}

TEST(SplitClientCommand, TakesOurFlagsFromAnywhere) {
  PassedOn found = split({"--home", "h", "deploy", "--web=1:2", "app.py", "--name", "x", "--api", "3:4"});
  EXPECT_EQ(found.words, (Words{"deploy", "app.py", "--name", "x"}));
  EXPECT_EQ(found.flags, (Flags{{"home", "h"}, {"web", "1:2"}, {"api", "3:4"}}));
}

TEST(SplitClientCommand, LeavesTheWordsOfAnEntrypointAlone) {
  PassedOn found = split({"run", "--home", "h", "-d", "app.py", "--home", "mine", "--", "--api", "x"});
  EXPECT_EQ(found.words, (Words{"run", "-d", "app.py", "--home", "mine", "--", "--api", "x"}));
  EXPECT_EQ(found.flags, (Flags{{"home", "h"}}));
}

TEST(SplitClientCommand, KeepsEverythingBehindADoubleDash) {
  PassedOn found = split({"deploy", "--", "--home", "h"});
  EXPECT_EQ(found.words, (Words{"deploy", "--", "--home", "h"}));
  EXPECT_TRUE(found.flags.empty());
}

TEST(SplitClientCommand, DoesNotClaimOurOwnCommands) {
  EXPECT_TRUE(split({"status", "--home", "h"}).words.empty());
  EXPECT_TRUE(split({"--home", "deploy"}).words.empty());
  EXPECT_TRUE(split({}).words.empty());
}

TEST(SplitClientCommand, TellsItsTokenCommandsFromTheClients) {
  EXPECT_TRUE(split({"token", "new", "--name", "ci"}).words.empty());
  EXPECT_TRUE(split({"token", "--home", "h", "list"}).words.empty());
  EXPECT_TRUE(split({"token", "revoke", "ak-1"}).words.empty());
  EXPECT_EQ(split({"token", "info"}).words, (Words{"token", "info"}));
  EXPECT_EQ(split({"token", "set", "--profile", "new"}).words, (Words{"token", "set", "--profile", "new"}));
}

TEST(SplitClientCommand, RefusesAFlagWithoutItsValue) {
  Result<PassedOn> found = split_client_command({"deploy", "app.py", "--home"});
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message.find("--home needs a value"), std::string::npos);
}

}  // namespace
}  // namespace bimodal::cli

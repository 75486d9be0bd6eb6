#include "image/bases.h"

#include <gtest/gtest.h>

#include "image/accounts.h"
#include "image/apt_sources.h"
#include "image/output_tail.h"

namespace bimodal::image {
namespace {

using Lines = std::vector<std::string>;

TEST(Bases, TakeEveryReleaseOfTheirSeries) {
  for (const char* name :
       {"python:3.11-slim-bookworm", "python:3.11.12-slim-bookworm", "python:3.11.8-slim",
        "docker.io/library/python:3.11-slim"}) {
    auto base = find_base(name);
    ASSERT_TRUE(base) << name;
    EXPECT_EQ(*base, Base::Python);
  }
  for (const char* name : {"debian:bookworm", "debian:bookworm-slim", "debian:12", "debian:12.5-slim"}) {
    auto base = find_base(name);
    ASSERT_TRUE(base) << name;
    EXPECT_EQ(*base, Base::Debian);
  }
  EXPECT_EQ(*find_base("scratch"), Base::Scratch);
}

TEST(Bases, NameWhatIsAvailableForOthers) {
  for (const char* name :
       {"python:3.12-slim-bookworm", "python:3.11-slim-trixie", "python:3.11", "python:3.11-alpine", "debian:trixie",
        "ubuntu:22.04", "base"}) {
    auto base = find_base(name);
    ASSERT_FALSE(base) << name;
    EXPECT_EQ(base.error().code, Code::NotFound);
    EXPECT_NE(base.error().message.find("python:3.11-slim-bookworm"), std::string::npos);
  }
}

TEST(AptSources, TakeTheReleaseItsUpdatesAndItsSecurity) {
  constexpr std::string_view list =
      "# comment\ndeb http://m/debian bookworm main contrib # tail\ndeb [arch=amd64 signed-by=/k] http://m/debian "
      "bookworm-updates main\n"
      "deb http://s/debian-security bookworm-security main\ndeb-src http://m/debian bookworm main\n"
      "deb http://m/debian bookworm-backports main\ndeb https://other bookworm-pgdg main\ndeb http://m/debian trixie "
      "main\n";
  EXPECT_EQ(
      sources_in_list(list, "bookworm"),
      (Lines{
          "deb http://m/debian bookworm main", "deb http://m/debian bookworm-updates main",
          "deb http://s/debian-security bookworm-security main"}));
}

TEST(AptSources, ReadDeb822) {
  constexpr std::string_view text =
      "Types: deb deb-src\n# snapshot\nURIs: http://m/debian\nSuites: bookworm\n bookworm-updates\nComponents: main\n\n"
      "Types: deb\nURIs: https://node\nSuites: nodistro\nComponents: main\n\n"
      "Enabled: no\nTypes: deb\nURIs: http://off\nSuites: bookworm\nComponents: main\n";
  EXPECT_EQ(
      sources_in_deb822(text, "bookworm"),
      (Lines{"deb http://m/debian bookworm main", "deb http://m/debian bookworm-updates main"}));
}

TEST(Accounts, FindUsersAndGroupsByNameAndNumber) {
  constexpr std::string_view passwd = "root:x:0:0::/root:/bin/sh\napp:x:10:11::/home/app:/bin/sh\nbroken\n";
  constexpr std::string_view group = "staff:x:50:app\n";
  auto owner = [&](const char* text) {
    auto found = find_owner(text, passwd, group);
    return found ? std::pair(found->uid, found->gid) : std::pair(~0U, ~0U);
  };
  EXPECT_EQ(owner("app"), std::pair(10U, 11U));
  EXPECT_EQ(owner("app:staff"), std::pair(10U, 50U));
  EXPECT_EQ(owner("7"), std::pair(7U, 7U));
  EXPECT_EQ(owner("7:8"), std::pair(7U, 8U));
  EXPECT_EQ(owner(":staff"), std::pair(0U, 50U));
  EXPECT_FALSE(find_owner("gone", passwd, group));
  EXPECT_FALSE(find_owner("app:gone", passwd, group));
  EXPECT_EQ(home_of("", passwd), "/root");
  EXPECT_EQ(home_of("app:staff", passwd), "/home/app");
  EXPECT_EQ(home_of("10", passwd), "/home/app");
  EXPECT_EQ(home_of("gone", passwd), "/");
}

TEST(OutputTail, KeepsTheLastTwentyLines) {
  OutputTail tail;
  for (int i = 1; i <= 50; ++i) tail.add(std::to_string(i) + "\n");
  tail.add("unfinished");
  EXPECT_TRUE(tail.text().starts_with("32\n"));
  EXPECT_TRUE(tail.text().ends_with("50\nunfinished\n"));
}

TEST(OutputTail, ShowsWhatAProgressBarEndsWith) {
  OutputTail tail;
  tail.add("10%\r50%\r100%\r\n");
  EXPECT_EQ(tail.text(), "100%\n");
}

TEST(OutputTail, CutsLongLines) {
  OutputTail tail;
  tail.add(std::string(5000, 'x'));
  EXPECT_EQ(tail.text().size(), OutputTail::kLineBytes + 1);
}

}  // namespace
}  // namespace bimodal::image

#include <gtest/gtest.h>

#include "sandbox/etc_files.h"
#include "sandbox/launcher.h"

namespace bimodal::sandbox {
namespace {

TEST(ExamineHost, GivesARemedyForEverythingThatIsMissing) {
  auto findings = examine_host({.home = "/var/lib/bimodal-of-a-test/not/there", .init_path = BIMODAL_INIT});
  EXPECT_GE(findings.size(), 6U);
  for (const auto& finding : findings) {
    EXPECT_EQ(finding.ok, finding.remedy.empty()) << finding.name << ": " << finding.detail;
    EXPECT_FALSE(finding.detail.empty()) << finding.name;
  }
}

TEST(Resolver, LeavesOutWhatSandboxesCantReach) {
  Resolver resolver = parse_resolver(
      "# comment\nnameserver 127.0.0.53\nnameserver 10.0.0.2\nnameserver fe80::1\nsearch a.example b.example\n");
  EXPECT_EQ(resolver.servers, std::vector<std::string>{"10.0.0.2"});
  EXPECT_EQ(resolver.loopback, std::vector<std::string>{"127.0.0.53"});
  EXPECT_EQ(resolver.other_lines, std::vector<std::string>{"search a.example b.example"});
}

}  // namespace
}  // namespace bimodal::sandbox

#include "cli/domain.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bimodal::cli {
namespace {

using nlohmann::json;

EdgeStatus edge() {
  const json account = {
      {"edge",
       {{"base_domain", "apps.example.org"},
        {"public_addresses", {"203.0.113.7", "2001:DB8::7"}},
        {"acme", true},
        {"names",
         {{{"name", "ws--web-hello.apps.example.org"},
           {"custom", false},
           {"app", "web"},
           {"environment", "main"},
           {"function", "hello"},
           {"certificate", "ws--web-hello.apps.example.org"}},
          {{"name", "api.example.com"},
           {"custom", true},
           {"app", "web"},
           {"environment", "main"},
           {"function", "hello"},
           {"certificate", "api.example.com"}},
          {{"name", "*.shop.example.com"},
           {"custom", true},
           {"app", "shop"},
           {"environment", "main"},
           {"function", "Shop.serve"},
           {"certificate", ""}}}},
        {"certificates",
         {{{"name", "api.example.com"},
           {"state", "failing"},
           {"expires_at", 0},
           {"retry_at", 1'700'000'000},
           {"reason", "api.example.com: dns (no record)"}}}}}}};
  return read_edge(account.dump()).value();
}

TEST(DnsFindings, SayExactlyWhichRecordIsMissing) {
  const std::vector<std::string> host = {"203.0.113.7", "2001:db8::7"};
  const auto none = dns_findings("api.example.com", {}, host, "apps.example.org");
  ASSERT_EQ(none.size(), 3u);
  EXPECT_EQ(none[0], "missing: the DNS record  api.example.com. A 203.0.113.7");
  EXPECT_EQ(none[1], "missing: the DNS record  api.example.com. AAAA 2001:db8::7");
  EXPECT_NE(none[2].find("api.example.com. CNAME apps.example.org."), std::string::npos);
  EXPECT_TRUE(dns_findings("api.example.com", {{}, {"203.0.113.7"}}, host, "apps.example.org").empty());
  EXPECT_TRUE(dns_findings("a.b", {{"apps.example.org"}, {"2001:0db8:0::7"}}, host, "apps.example.org").empty());
}

TEST(DnsFindings, TellOfRecordsThatLeadElsewhere) {
  const DnsAnswer elsewhere{{"other.example.net"}, {"198.51.100.1", "203.0.113.7"}};
  const auto some = dns_findings("api.example.com", elsewhere, {"203.0.113.7"}, "localhost");
  ASSERT_EQ(some.size(), 1u);
  EXPECT_NE(some[0].find("api.example.com (as other.example.net) leads to 198.51.100.1"), std::string::npos) << some[0];
  const auto all = dns_findings("api.example.com", {{}, {"198.51.100.1"}}, {"203.0.113.7"}, "localhost");
  EXPECT_EQ(all.size(), 2u) << "no alias of `localhost` is offered";
}

TEST(DomainCheck, PutsAppDnsAndCertificateTogether) {
  const DomainCheck failing = check_domain(edge(), "api.example.com", {{}, {"203.0.113.7"}}, {});
  EXPECT_FALSE(failing.good);
  for (const char* part :
       {"leads to hello of app 'web' (main)", "DNS is good: 203.0.113.7", "certificate: failing",
        "2023-11-14 22:13 UTC", "last failure: api.example.com: dns (no record)"}) {
    EXPECT_NE(failing.text.find(part), std::string::npos) << failing.text;
  }
  EXPECT_TRUE(check_domain(edge(), "ws--web-hello.apps.example.org", {{}, {"2001:db8::7"}}, {}).good);
}

TEST(DomainCheck, AWildcardWithoutTheHookAndANameOfNobodyAreSaid) {
  const DomainCheck wildcard = check_domain(edge(), "eu.shop.example.com", {{}, {"203.0.113.7"}}, {});
  EXPECT_FALSE(wildcard.good);
  EXPECT_NE(wildcard.text.find("Shop.serve of app 'shop'"), std::string::npos) << wildcard.text;
  EXPECT_NE(wildcard.text.find("acme.dns_hook"), std::string::npos) << wildcard.text;
  EXPECT_EQ(probe_of("*.shop.example.com"), "bimodal-check.shop.example.com");
  const DomainCheck nobody = check_domain(edge(), "a.b.shop.example.com", {{}, {"203.0.113.7"}}, {});
  EXPECT_FALSE(nobody.good);
  EXPECT_NE(nobody.text.find("custom_domains="), std::string::npos) << nobody.text;
}

TEST(DomainList, NamesCustomDomainsFirstWithTheirCertificates) {
  const std::string text = as_text(edge());
  EXPECT_EQ(text.find("*.shop.example.com  main  shop  Shop.serve  certificate: needs acme.dns_hook"), 0u) << text;
  EXPECT_NE(
      text.find("ws--web-hello.apps.example.org  main  web  hello  certificate: on first use"), std::string::npos);
  const json rows = json::parse(as_json(edge()));
  EXPECT_EQ(rows[1]["certificate"]["state"], "failing");
  EXPECT_TRUE(rows[0]["certificate"].is_null());
  EXPECT_EQ(read_edge("{}").error().code, Code::DataLoss);
}

}  // namespace
}  // namespace bimodal::cli

#include "cli/settings.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace bimodal::cli {
namespace {

namespace fs = std::filesystem;

class SettingsOf : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "bimodal-settings-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    home_ = pattern;
    flags_["home"] = pattern;
  }
  void TearDown() override { fs::remove_all(home_); }

  void write_config(const std::string& text) { std::ofstream(home_ / "config.toml") << text; }

  Result<Settings> load() {
    return load_settings(flags_, [this](const std::string& name) -> std::optional<std::string> {
      auto found = environment_.find(name);
      if (found == environment_.end()) return std::nullopt;
      return found->second;
    });
  }

  fs::path home_;
  Flags flags_;
  std::map<std::string, std::string> environment_;
};

TEST_F(SettingsOf, NothingAreTheDefaults) {
  Result<Settings> settings = load();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->daemon.home, home_);
  EXPECT_EQ(settings->daemon.layers, home_ / "layers");
  EXPECT_EQ(settings->daemon.api, "127.0.0.1:6420");
  EXPECT_EQ(settings->daemon.web, "127.0.0.1:8080");
  EXPECT_EQ(settings->daemon.admin, "127.0.0.1:6421");
  EXPECT_EQ(settings->daemon.base_domain, "localhost");
}

TEST_F(SettingsOf, OffMeansNoAdminListener) {
  write_config("[server]\nadmin = \"off\"\n");
  EXPECT_EQ(load()->daemon.admin, "");
  environment_ = {{"BIMODAL_ADMIN", "nowhere"}};
  EXPECT_FALSE(load());
}

TEST_F(SettingsOf, CertificatesHaveAKeyEach) {
  write_config("[tls]\ncert = \"/a.pem,/b.pem\"\nkey = \"/a.key,/b.key\"\n");
  const auto files = load()->daemon.tls.files;
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[1].certificate, "/b.pem");
  EXPECT_EQ(files[1].key, "/b.key");
  flags_ = {{"tls_cert", "/c.pem"}, {"tls_key", "/c.key"}};
  EXPECT_EQ(load()->daemon.tls.files.size(), 1u) << "a flag overrules the file";
  flags_ = {{"tls_key", "/c.key"}};
  EXPECT_FALSE(load());
}

TEST_F(SettingsOf, TlsIsOffUntilThereAreCertificates) {
  EXPECT_FALSE(load()->daemon.tls.is_on());
  flags_["tls_dev"] = "true";
  EXPECT_TRUE(load()->daemon.tls.is_on());
  flags_["plain"] = "sometimes";
  EXPECT_FALSE(load());
}

TEST_F(SettingsOf, FlagsBeatTheEnvironmentWhichBeatsTheFile) {
  write_config("[server]\napi = \"127.0.0.1:1\"\nweb = \"127.0.0.1:1\"\nbase_domain = \"file.test\"\n");
  environment_ = {{"BIMODAL_API", "127.0.0.1:2"}, {"BIMODAL_WEB", "127.0.0.1:2"}};
  flags_["api"] = "127.0.0.1:3";
  Result<Settings> settings = load();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->daemon.api, "127.0.0.1:3");
  EXPECT_EQ(settings->daemon.web, "127.0.0.1:2");
  EXPECT_EQ(settings->daemon.base_domain, "file.test");
}

TEST_F(SettingsOf, EverySectionReachesTheDaemon) {
  write_config("[limits]\nmax_body = \"1MiB\"\nmax_waiting = 5\nhead_timeout = \"5s\"\n[scheduler]\ndrain = \"1m\"\n");
  Result<Settings> settings = load();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->daemon.gateway.max_body_bytes, std::uint64_t{1} << 20);
  EXPECT_EQ(settings->daemon.gateway.head_timeout, std::chrono::seconds(5));
  EXPECT_EQ(settings->daemon.pool.max_waiting, 5);
  EXPECT_EQ(settings->daemon.drain, std::chrono::minutes(1));
}

TEST_F(SettingsOf, AListIsOneInTheFileToo) {
  write_config(
      "[acme]\nenabled = true\nchallenges = [\"dns-01\", \"http-01\"]\n[edge]\npublic_address = [\"203.0.113.7\"]\n");
  Result<Settings> settings = load();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_TRUE(settings->daemon.acme.enabled);
  const std::vector<acme::ChallengeType> wanted = {acme::ChallengeType::Dns01, acme::ChallengeType::Http01};
  EXPECT_EQ(settings->daemon.acme.challenges, wanted);
  EXPECT_EQ(settings->daemon.public_addresses, std::vector<std::string>{"203.0.113.7"});
  write_config("[edge]\npublic_address = [\"here\"]\n");
  EXPECT_NE(load().error().message.find("isn't an IP address"), std::string::npos);
  write_config("[edge]\npublic_address = [7]\n");
  EXPECT_NE(load().error().message.find("list of texts"), std::string::npos);
}

TEST_F(SettingsOf, ListsAreListsInTheFileAndHaveCommasElsewhere) {
  write_config("[edge]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\nproxy_protocol = true\naccess_log = true\n");
  Result<Settings> settings = load();
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_FALSE(settings->daemon.gateway.edge.trusted_proxies.empty());
  EXPECT_TRUE(settings->daemon.gateway.edge.proxy_protocol);
  EXPECT_TRUE(settings->daemon.access_log);
  flags_["trusted_proxies"] = "10.0.0.0/8,192.0.2.1";
  EXPECT_TRUE(load());
  flags_["trusted_proxies"] = "10.0.0.1/8";
  EXPECT_NE(load().error().message.find("--trusted-proxies"), std::string::npos);
  write_config("[edge]\ntrusted_proxies = [1]\n");
  EXPECT_FALSE(load());
}

// Every number of the table of limits has its default, and can be set in the file.
TEST_F(SettingsOf, EveryLimitHasItsDefault) {
  Result<Settings> settings = load();
  ASSERT_TRUE(settings) << settings.error().message;
  const server::Config& daemon = settings->daemon;
  EXPECT_EQ(daemon.gateway.max_body_bytes, std::uint64_t{4} << 30);
  EXPECT_EQ(daemon.gateway.max_head_bytes, 64u * 1024);
  EXPECT_EQ(daemon.gateway.first_message_timeout, std::chrono::seconds(5));
  EXPECT_EQ(daemon.gateway.redirect_after, std::chrono::seconds(0));
  EXPECT_EQ(daemon.pool.max_waiting, 2000);
  EXPECT_EQ(daemon.gateway.requests_per_second, 200);
  EXPECT_EQ(daemon.gateway.function_requests_per_second, 0);
  EXPECT_EQ(daemon.gateway.client_requests_per_second, 0);
  EXPECT_EQ(daemon.gateway.requests_burst, std::chrono::seconds(5));
  EXPECT_EQ(daemon.max_inputs, 1000);
  EXPECT_EQ(daemon.scaledown_window, std::chrono::seconds(60));
  EXPECT_EQ(daemon.exit_grace, std::chrono::seconds(30));
}

TEST_F(SettingsOf, EveryLimitCanBeSet) {
  write_config(
      "[limits]\nmax_body = \"1KiB\"\nmax_head = \"8KiB\"\nfirst_message_timeout = \"1s\"\nmax_waiting = 7\nmax_inputs "
      "= 8\nrequests_per_second = 9\nfunction_requests_per_second = 10\nclient_requests_per_second = 11\n"
      "requests_burst = \"1s\"\n"
      "[scheduler]\nscaledown_window = \"9s\"\nexit_grace = \"4s\"\n[edge]\nredirect_after = \"150s\"\n[gpu]\nrequired "
      "= true\n");
  Result<Settings> settings = load();
  ASSERT_TRUE(settings) << settings.error().message;
  const server::Config& daemon = settings->daemon;
  EXPECT_EQ(daemon.gateway.max_body_bytes, 1024u);
  EXPECT_EQ(daemon.gateway.max_head_bytes, 8u * 1024);
  EXPECT_EQ(daemon.gateway.first_message_timeout, std::chrono::seconds(1));
  EXPECT_EQ(daemon.gateway.redirect_after, std::chrono::seconds(150));
  EXPECT_EQ(daemon.pool.max_waiting, 7);
  EXPECT_EQ(daemon.gateway.requests_per_second, 9);
  EXPECT_EQ(daemon.gateway.function_requests_per_second, 10);
  EXPECT_EQ(daemon.gateway.client_requests_per_second, 11);
  EXPECT_EQ(daemon.gateway.requests_burst, std::chrono::seconds(1));
  EXPECT_EQ(daemon.max_inputs, 8);
  EXPECT_EQ(daemon.scaledown_window, std::chrono::seconds(9));
  EXPECT_EQ(daemon.exit_grace, std::chrono::seconds(4));
  EXPECT_TRUE(daemon.gpu_required);
}

TEST_F(SettingsOf, AWrongLimitIsRefusedByItsKey) {
  for (const char* wrong :
       {"max_inputs = 0", "max_waiting = -1", "first_message_timeout = \"soon\"", "max_body = \"much\""}) {
    write_config(std::string("[limits]\n") + wrong + "\n");
    Result<Settings> settings = load();
    ASSERT_FALSE(settings) << wrong;
    EXPECT_NE(settings.error().message.find("config.toml:2"), std::string::npos) << settings.error().message;
  }
}

TEST_F(SettingsOf, AnUnknownKeyOfTheFileIsRefusedByNameAndLine) {
  write_config("[limits]\nmax_body = 1\nmax_bdy = 1\n");
  Result<Settings> settings = load();
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().code, Code::InvalidArgument);
  EXPECT_NE(settings.error().message.find("config.toml:3"), std::string::npos) << settings.error().message;
  EXPECT_NE(settings.error().message.find("limits.max_bdy"), std::string::npos) << settings.error().message;
}

TEST_F(SettingsOf, AKeyInTheWrongSectionIsUnknown) {
  write_config("[server]\nmax_body = 1\n");
  EXPECT_FALSE(load());
}

TEST_F(SettingsOf, BrokenTomlIsRefusedByLine) {
  write_config("[server]\napi = \n");
  Result<Settings> settings = load();
  ASSERT_FALSE(settings);
  EXPECT_NE(settings.error().message.find("config.toml:2"), std::string::npos) << settings.error().message;
}

TEST_F(SettingsOf, AWrongValueIsRefusedByWhereItStands) {
  environment_["BIMODAL_API"] = "6420";
  Result<Settings> settings = load();
  ASSERT_FALSE(settings);
  EXPECT_NE(settings.error().message.find("BIMODAL_API"), std::string::npos) << settings.error().message;
  EXPECT_NE(settings.error().message.find("HOST:PORT"), std::string::npos) << settings.error().message;
}

TEST_F(SettingsOf, ANamedConfigurationFileMustExist) {
  flags_["config"] = home_ / "none.toml";
  Result<Settings> settings = load();
  ASSERT_FALSE(settings);
  EXPECT_NE(settings.error().message.find("none.toml"), std::string::npos);
}

TEST_F(SettingsOf, RelativePathsBecomeAbsolute) {
  flags_["home"] = "some/../where";
  Result<Settings> settings = load();
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->daemon.home, fs::current_path() / "where");
}

TEST(Keys, AreSpelledAlikeInAllThreePlaces) {
  Key key{"server", "base_domain", "DOMAIN", ""};
  EXPECT_EQ(key.flag(), "--base-domain");
  EXPECT_EQ(key.variable(), "BIMODAL_BASE_DOMAIN");
}

}  // namespace
}  // namespace bimodal::cli

#include "cli/client.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

namespace bimodal::cli {
namespace {

namespace fs = std::filesystem;

// A folder with a `python` and a `modal` that pretend to be of some release.
class FindClient : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "bimodal-client-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    bin_ = pattern;
  }
  void TearDown() override { fs::remove_all(bin_); }

  void write_program(const std::string& name, const std::string& script) {
    std::ofstream(bin_ / name) << "#!/bin/sh\n" << script << "\n";
    ::chmod((bin_ / name).c_str(), 0755);
  }

  Result<Client> find() {
    Settings settings;
    settings.python = bin_ / "python";
    return find_client(settings);
  }

  fs::path bin_;
};

TEST_F(FindClient, RunsTheScriptBesideItsPython) {
  write_program("python", "echo 1.6.4");
  write_program("modal", "true");
  Result<Client> client = find();
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ(client->version, "1.6.4");
  EXPECT_EQ(client->command, (std::vector<std::string>{bin_ / "modal"}));
}

TEST_F(FindClient, RunsTheModuleWhereThereIsNoScript) {
  write_program("python", "echo 1.5.4");
  Result<Client> client = find();
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ(client->command, (std::vector<std::string>{bin_ / "python", "-m", "modal"}));
}

TEST_F(FindClient, SaysHowToInstallAMissingClient) {
  write_program("python", "exit 1");
  Result<Client> client = find();
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::NotFound);
  EXPECT_NE(client.error().message.find("pip install"), std::string::npos);
}

TEST_F(FindClient, RefusesAnUnsupportedRelease) {
  write_program("python", "echo 0.73.1");
  Result<Client> client = find();
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::FailedPrecondition);
  EXPECT_NE(client.error().message.find("0.73.1"), std::string::npos);
}

TEST(SupportedClient, IsFrom154ToTheLast16) {
  for (const char* good : {"1.5.4", "1.5.10", "1.6.0", "1.6.4", "1.6.99"})
    EXPECT_TRUE(is_supported_client(good)) << good;
  for (const char* bad : {"", "x", "1.5.3", "1.4.9", "1.7.0", "2.5.4"}) EXPECT_FALSE(is_supported_client(bad)) << bad;
}

TEST(ClientEnvironment, LeadsToTheDaemonOverLoopback) {
  server::DaemonInfo info{1, "", "0.0.0.0:6420", "0.0.0.0:8080", "localhost", 0};
  auto environment = client_environment(info, {"ak-1", "as-2"});
  EXPECT_EQ(environment["MODAL_SERVER_URL"], "http://127.0.0.1:6420");
  EXPECT_EQ(environment["MODAL_TOKEN_ID"], "ak-1");
  EXPECT_EQ(environment["MODAL_TOKEN_SECRET"], "as-2");
  EXPECT_FALSE(environment.contains("MODAL_ENVIRONMENT"));
}

}  // namespace
}  // namespace bimodal::cli

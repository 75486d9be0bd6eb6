#include "control/container_environment.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

class ContainerEnvironmentTest : public testing::Test {
 protected:
  ContainerEnvironmentTest() {
    version_.image_id = "im-1";
    version_.environment = "main";
  }
  std::map<std::string, std::string> environment(const std::map<std::string, std::string>& secrets = {}) const {
    return container_environment(version_, image_, secrets);
  }

  model::FunctionVersion version_;
  image::Image image_;
};

TEST_F(ContainerEnvironmentTest, TellsTheClientWhereItRuns) {
  auto env = environment();
  EXPECT_EQ(env["MODAL_IS_REMOTE"], "1");
  EXPECT_EQ(env["MODAL_IMAGE_ID"], "im-1");
  EXPECT_EQ(env["MODAL_ENVIRONMENT"], "main");
  EXPECT_EQ(env["HOME"], "/root");
  EXPECT_FALSE(env["PATH"].empty());
}

TEST_F(ContainerEnvironmentTest, PrefersSecretsToTheImage) {
  image_.config.env = {{"LEVEL", "image"}, {"PATH", "/opt/bin:/bin"}};
  auto env = environment({{"LEVEL", "secret"}});
  EXPECT_EQ(env["LEVEL"], "secret");
  EXPECT_EQ(env["PATH"], "/opt/bin:/bin");
}

TEST_F(ContainerEnvironmentTest, KeepsTheImagesPythonPathBehindOurs) {
  image_.config.env = {{"PYTHONPATH", "/srv"}};
  EXPECT_EQ(environment()["PYTHONPATH"], "/__modal/runner:/root:/pkg:/srv");
}

TEST_F(ContainerEnvironmentTest, LetsNoSecretMakeItAUsersClient) {
  auto env = environment({{"MODAL_IS_REMOTE", "0"}, {"MODAL_TOKEN_ID", "ak-1"}, {"MODAL_TOKEN_SECRET", "as-1"}});
  EXPECT_EQ(env["MODAL_IS_REMOTE"], "1");
  EXPECT_FALSE(env.contains("MODAL_TOKEN_ID"));
  EXPECT_FALSE(env.contains("MODAL_TOKEN_SECRET"));
}

}  // namespace
}  // namespace bimodal::control

#include "control/planner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "control/fake_builder.h"
#include "control/image_records.h"
#include "control/mount_records.h"
#include "control/service_fixture.h"
#include "store/app_table.h"
#include "store/deployment_table.h"
#include "store/environment_table.h"
#include "store/function_table.h"
#include "store/secret_table.h"

namespace bimodal::control {
namespace {

namespace fs = std::filesystem;

class PlannerTest : public ServiceTest {
 protected:
  PlannerTest() {
    context_.builder = &builder_;
    auto saved = transact([&](store::Transaction& transaction) { return save_everything(transaction); });
    EXPECT_TRUE(saved) << saved.error().message;
  }

  Result<void> save_everything(store::Transaction& transaction) {
    TRY_VOID(store::EnvironmentTable(transaction).insert({"en-1", "main", "", true, 1}));
    TRY_VOID(store::AppTable(transaction)
                 .insert({"ap-1", "en-1", "main", "demo", "demo", store::AppState::Deployed, 1, 1, 1, 0}));
    TRY_VOID(save_image_with_python(transaction, "3.11"));
    TRY_VOID(save_function(transaction));
    store::Secret secret;
    secret.secret_id = "st-1";
    secret.environment_id = "en-1";
    secret.name = "keys";
    TRY_VOID(store::SecretTable(transaction, box_).insert(secret, {{"TOKEN", "abc"}}));
    TRY(std::string digest, blobs_.put("print(1)"));
    TRY(version_.mount_ids.emplace_back(), save_mount(transaction, {{"/root/main.py", digest, 0644}}));
    TRY(version_.mount_ids.emplace_back(), save_client_mount(transaction, "1.6.4"));
    return {};
  }
  Result<void> save_image_with_python(store::Transaction& transaction, const std::string& python) {
    auto image = std::make_shared<image::Image>();
    image->layers = {"base"};
    image->python = python;
    image->config.workdir = "/srv";
    image->config.env = {{"LEVEL", "image"}};
    fs::create_directories(home_ / "layers" / "base");
    return save_image(transaction, "im-1", "", {image, "2025.06"});
  }
  Result<void> save_function(store::Transaction& transaction) {
    api::Function function;
    function.set_function_name("hello");
    function.set_function_type(api::Function::FUNCTION_TYPE_FUNCTION);
    function.mutable_webhook_config()->set_type(api::WEBHOOK_TYPE_ASGI_APP);
    function.add_object_dependencies()->set_object_id("im-1");
    TRY_VOID(store::FunctionTable(transaction).insert({"fu-1", "ap-1", "hello", ""}));
    TRY_VOID(store::DefinitionTable(transaction).stage({"de-1", "fu-1", "hash", function.SerializeAsString(), 1}));
    store::Deployment deployment;
    deployment.app_id = "ap-1";
    deployment.version = 1;
    TRY_VOID(store::DeploymentTable(transaction).insert(deployment, {{"hello", "fu-1", "de-1"}}));

    version_.function_id = "fu-1";
    version_.definition_id = "de-1";
    version_.app_id = "ap-1";
    version_.environment = "main";
    version_.tag = "hello";
    version_.image_id = "im-1";
    version_.secret_ids = {"st-1"};
    version_.web_methods.resize(1);
    return {};
  }

  Result<runtime::ContainerPlan> plan() {
    Result<runtime::ContainerPlan> out = runtime::ContainerPlan();
    loop_.run_blocking(run(std::make_shared<const model::FunctionVersion>(version_), out));
    return out;
  }
  Task<void> run(model::FunctionVersionPtr version, Result<runtime::ContainerPlan>& out) {
    out = co_await planner_.plan(std::move(version), "ta-1");
  }

  FakeBuilder builder_{loop_.executor(), home_ / "layers"};
  Planner planner_{context_};
  model::FunctionVersion version_;
};

TEST_F(PlannerTest, StacksImageRuntimeAndMounts) {
  auto planned = plan();
  ASSERT_TRUE(planned) << planned.error().message;
  fs::path layers = home_ / "layers";
  ASSERT_EQ(planned->layers.size(), 3u);
  EXPECT_EQ(planned->layers[0], layers / "base");
  EXPECT_EQ(planned->layers[1], layers / "runtime-3.11-1.6.4");
  EXPECT_EQ(planned->layers[2], layers / "mounts" / version_.mount_ids[0]);
  EXPECT_TRUE(fs::exists(planned->layers[2] / "root/main.py"));
  EXPECT_EQ(planned->workdir, "/srv");
  EXPECT_EQ(planned->env["TOKEN"], "abc");
  EXPECT_EQ(planned->env["LEVEL"], "image");
}

TEST_F(PlannerTest, TellsTheContainerWhatItIs) {
  api::ContainerArguments arguments;
  ASSERT_TRUE(arguments.ParseFromString(plan()->arguments));
  EXPECT_EQ(arguments.task_id(), "ta-1");
  EXPECT_EQ(arguments.function_id(), "fu-1");
  EXPECT_EQ(arguments.function_def().function_name(), "hello");
  EXPECT_EQ(arguments.app_layout().function_ids().at("hello"), "fu-1");
  auto web = std::ranges::find(arguments.app_layout().objects(), "fu-1", &api::Object::object_id);
  ASSERT_NE(web, arguments.app_layout().objects().end());
  EXPECT_NE(web->function_handle_metadata().web_url(), "");
}

TEST_F(PlannerTest, NamesTheImageThatHasNoPython) {
  ASSERT_TRUE(transact([&](store::Transaction& transaction) { return save_image_with_python(transaction, ""); }));
  auto refused = plan();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::FailedPrecondition);
  EXPECT_NE(refused.error().message.find("im-1"), std::string::npos);
  EXPECT_NE(refused.error().message.find("hello"), std::string::npos);
}

TEST_F(PlannerTest, SaysWhatToDoWhenTheImageOrTheClientIsMissing) {
  version_.image_id = "im-gone";
  EXPECT_NE(plan().error().message.find("deploy the app again"), std::string::npos);
  version_.image_id = "im-1";
  version_.mount_ids.pop_back();
  EXPECT_NE(plan().error().message.find("client's own mount"), std::string::npos);
}

TEST_F(PlannerTest, MakesAMountsLayerAnewWhenItIsGone) {
  fs::path layer = plan()->layers[2];
  fs::remove_all(layer);
  EXPECT_TRUE(plan());
  EXPECT_TRUE(fs::exists(layer / "root/main.py"));
}

}  // namespace
}  // namespace bimodal::control

// Staging, publishing, stopping and finding functions again, over gRPC.
#include <optional>

#include "control/publish_fixture.h"

namespace bimodal::control {
namespace {

TEST_F(PublishTest, StagingChangesNothingThatIsServed) {
  const auto app_id = create_app("web", api::APP_STATE_INITIALIZING);
  api::FunctionCreateResponse staged;
  ASSERT_TRUE(stage(app_id, web_function("hello", "im-1"), &staged).ok());
  EXPECT_EQ(staged.handle_metadata().web_url(), "http://ws--web-hello.localhost:8080");
  EXPECT_EQ(staged.function().web_url(), staged.handle_metadata().web_url());
  EXPECT_EQ(staged.function_data().ranked_functions_size(), 1);
  EXPECT_FALSE(staged.handle_metadata().definition_id().empty());
  EXPECT_TRUE(api_->routes().empty());
}

TEST_F(PublishTest, PrecreateTellsTheIdAndTheUrlThatCreateWillTell) {
  const auto app_id = create_app("web", api::APP_STATE_EPHEMERAL);
  api::FunctionPrecreateRequest request;
  request.set_app_id(app_id);
  request.set_function_name("Cls.*");
  auto& method = (*request.mutable_method_definitions())["get"];
  method.mutable_webhook_config()->set_type(api::WEBHOOK_TYPE_FUNCTION);
  api::FunctionPrecreateResponse reserved;
  ASSERT_TRUE(api_->call(&Stub::FunctionPrecreate, request, &reserved).ok());

  api::Function function;
  function.set_function_name("Cls.*");
  function.set_is_class(true);
  *function.mutable_method_definitions() = request.method_definitions();
  api::FunctionCreateResponse staged;
  ASSERT_TRUE(stage(app_id, function, &staged).ok());
  EXPECT_EQ(staged.function_id(), reserved.function_id());
  const std::string url = "http://ws--web-cls-get-dev.localhost:8080";
  EXPECT_EQ(reserved.handle_metadata().method_handle_metadata().at("get").web_url(), url);
  EXPECT_EQ(staged.handle_metadata().method_handle_metadata().at("get").web_url(), url);
  EXPECT_EQ(staged.function().method_definitions().at("get").web_url(), url);
}

TEST_F(PublishTest, PublishServesTheWholeSetAtOnce) {
  const auto app_id = deploy("web", {web_function("hello", "im-1"), web_function("bye", "im-1")});
  EXPECT_GT(published_.deployed_at(), 0);
  EXPECT_EQ(published_.url(), "http://ws--web-bye.localhost:8080");
  ASSERT_EQ(api_->routes().size(), 2u);
  const auto hello = api_->route("ws--web-hello.localhost");
  ASSERT_TRUE(hello);
  EXPECT_TRUE(api_->serves(hello->function_id));

  ASSERT_TRUE(publish(app_id, api::APP_STATE_UNSPECIFIED, {web_function("hello", "im-2")}).ok());
  EXPECT_EQ(api_->routes().size(), 1u);
  EXPECT_EQ(api_->route("ws--web-hello.localhost")->function_id, hello->function_id);
}

TEST_F(PublishTest, KeepsTheDefinitionOfAnUnchangedFunctionWhateverTheOrderOfItsMounts) {
  const auto app_id = create_app("web", api::APP_STATE_INITIALIZING);
  auto function = web_function("hello", "im-1");
  function.add_mount_ids("mo-1");
  function.add_mount_ids("mo-2");
  api::FunctionCreateResponse first, second, third;
  ASSERT_TRUE(stage(app_id, function, &first).ok());
  function.mutable_mount_ids()->SwapElements(0, 1);
  ASSERT_TRUE(stage(app_id, function, &second).ok());
  function.add_mount_ids("mo-3");
  ASSERT_TRUE(stage(app_id, function, &third).ok());
  EXPECT_EQ(first.handle_metadata().definition_id(), second.handle_metadata().definition_id());
  EXPECT_NE(first.handle_metadata().definition_id(), third.handle_metadata().definition_id());
}

TEST_F(PublishTest, AStoppedAppsHostSaysSo) {
  const auto app_id = deploy("web", {web_function("hello", "im-1")});
  const auto function_id = api_->route("ws--web-hello.localhost")->function_id;
  ASSERT_TRUE(stop(app_id).ok());
  EXPECT_TRUE(api_->route("ws--web-hello.localhost")->stopped);
  EXPECT_FALSE(api_->serves(function_id));
  EXPECT_EQ(publish(app_id, api::APP_STATE_DEPLOYED, {}).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(stop(app_id).ok());
  EXPECT_EQ(stop("ap-none").error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(PublishTest, DeployedAppsComeBackAfterARestart) {
  deploy("web", {web_function("hello", "im-1")});
  const auto stopped = deploy("old", {web_function("hello", "im-1")});
  ASSERT_TRUE(stop(stopped).ok());
  const auto before = api_->route("ws--web-hello.localhost");
  restart();
  const auto after = api_->route("ws--web-hello.localhost");
  ASSERT_TRUE(after);
  EXPECT_EQ(after->function_id, before->function_id);
  EXPECT_FALSE(after->stopped);
  EXPECT_TRUE(api_->serves(after->function_id));
  EXPECT_TRUE(api_->route("ws--old-hello.localhost")->stopped);
}

TEST_F(PublishTest, AnEphemeralAppEndsWithItsClient) {
  const auto app_id = create_app("web", api::APP_STATE_EPHEMERAL);
  ASSERT_TRUE(publish(app_id, api::APP_STATE_EPHEMERAL, {web_function("hello", "im-1")}).ok());
  EXPECT_FALSE(api_->route("ws--web-hello-dev.localhost")->stopped);
  ASSERT_TRUE(disconnect(app_id).ok());
  EXPECT_TRUE(api_->route("ws--web-hello-dev.localhost")->stopped);
  api::AppHeartbeatRequest request;
  request.set_app_id(app_id);
  google::protobuf::Empty response;
  EXPECT_EQ(api_->call(&Stub::AppHeartbeat, request, &response).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  restart();
  EXPECT_TRUE(api_->route("ws--web-hello-dev.localhost")->stopped);
}

TEST_F(PublishTest, ADeployedAppOutlivesItsClient) {
  const auto app_id = deploy("web", {web_function("hello", "im-1")});
  ASSERT_TRUE(disconnect(app_id).ok());
  EXPECT_FALSE(api_->route("ws--web-hello.localhost")->stopped);
}

TEST_F(PublishTest, TheNewerEphemeralAppTakesTheAddress) {
  const auto first = create_app("web", api::APP_STATE_EPHEMERAL);
  ASSERT_TRUE(publish(first, api::APP_STATE_EPHEMERAL, {web_function("hello", "im-1")}).ok());
  const auto loser = api_->route("ws--web-hello-dev.localhost")->function_id;
  const auto second = create_app("web", api::APP_STATE_EPHEMERAL);
  api::FunctionCreateResponse staged;
  ASSERT_TRUE(stage(second, web_function("hello", "im-1"), &staged).ok());
  EXPECT_TRUE(staged.function().web_url_info().label_stolen());
  ASSERT_TRUE(publish(second, api::APP_STATE_EPHEMERAL, {web_function("hello", "im-1")}).ok());
  EXPECT_NE(api_->route("ws--web-hello-dev.localhost")->function_id, loser);
}

TEST_F(PublishTest, ADeployedAddressIsNeverTaken) {
  auto function = web_function("hello", "im-1");
  function.mutable_webhook_config()->set_requested_suffix("shop");
  deploy("first", {function});
  const auto second = create_app("second", api::APP_STATE_INITIALIZING);
  const auto status = publish(second, api::APP_STATE_DEPLOYED, {function});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_NE(status.error_message().find("first"), std::string::npos);
}

TEST_F(PublishTest, TwoFunctionsOfAnAppCanNotShareAnAddress) {
  auto one = web_function("one", "im-1");
  auto two = web_function("two", "im-1");
  one.mutable_webhook_config()->set_requested_suffix("same");
  two.mutable_webhook_config()->set_requested_suffix("same");
  const auto app_id = create_app("web", api::APP_STATE_INITIALIZING);
  EXPECT_EQ(publish(app_id, api::APP_STATE_DEPLOYED, {one, two}).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(api_->routes().empty());
}

TEST_F(PublishTest, RefusesByNameWhatItCanNotHonour) {
  const auto app_id = create_app("web", api::APP_STATE_INITIALIZING);
  api::FunctionCreateResponse response;
  auto function = web_function("hello", "im-1");
  function.add_volume_mounts()->set_volume_id("vo-1");
  auto status = stage(app_id, function, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("volumes="), std::string::npos);

  function = web_function("hello", "im-1");
  function.mutable_webhook_config()->set_requested_suffix("No_Label");
  status = stage(app_id, function, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("No_Label"), std::string::npos);
}

TEST_F(PublishTest, AcceptsAGpuWithAWarningAndTakesTheFirstOfAList) {
  const auto app_id = create_app("web", api::APP_STATE_INITIALIZING);
  api::FunctionCreateRequest request;
  request.set_app_id(app_id);
  for (const int rank : {1, 0}) {
    auto* choice = request.mutable_function_data()->add_ranked_functions();
    choice->set_rank(static_cast<std::uint32_t>(rank));
    *choice->mutable_function() = web_function("hello", "im-1");
    auto* gpu = choice->mutable_function()->mutable_resources()->mutable_gpu_config();
    gpu->set_count(1);
    gpu->set_gpu_type(rank == 0 ? "H100" : "L40S");
  }
  api::FunctionCreateResponse response;
  ASSERT_TRUE(api_->call(&Stub::FunctionCreate, request, &response).ok());
  EXPECT_EQ(response.function().resources().gpu_config().gpu_type(), "H100");
  ASSERT_EQ(response.server_warnings_size(), 1);
  EXPECT_NE(response.server_warnings(0).message().find("CPU"), std::string::npos);
}

TEST_F(PublishTest, RefusesMoreConcurrencyThanTheLimit) {
  const auto app_id = create_app("web", api::APP_STATE_INITIALIZING);
  api::FunctionCreateResponse response;
  auto function = web_function("hello", "im-1");
  function.set_max_concurrent_inputs(1000);
  EXPECT_TRUE(stage(app_id, function, &response).ok());
  function.set_max_concurrent_inputs(1001);
  const auto status = stage(app_id, function, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("limits.max_inputs"), std::string::npos) << status.error_message();
}

TEST_F(PublishTest, FindsFunctionsOfDeployedAppsByName) {
  deploy("web", {web_function("hello", "im-1")});
  api::FunctionGetResponse response;
  ASSERT_TRUE(get("web", "hello", &response).ok());
  EXPECT_EQ(response.handle_metadata().web_url(), "http://ws--web-hello.localhost:8080");
  EXPECT_EQ(response.function().ranked_functions_size(), 1);
  EXPECT_EQ(get("web", "none", &response).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(get("none", "hello", &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(PublishTest, TheLayoutListsFunctionsAndClasses) {
  api::Function service;
  service.set_function_name("Cls.*");
  service.set_is_class(true);
  (*service.mutable_method_definitions())["get"].mutable_webhook_config()->set_type(api::WEBHOOK_TYPE_FUNCTION);
  const auto app_id = create_app("web", api::APP_STATE_INITIALIZING);
  api::FunctionCreateResponse staged;
  ASSERT_TRUE(stage(app_id, service, &staged).ok());
  api::ClassCreateRequest create;
  create.set_app_id(app_id);
  api::ClassCreateResponse created;
  ASSERT_TRUE(api_->call(&Stub::ClassCreate, create, &created).ok());
  api::AppPublishRequest request;
  request.set_app_id(app_id);
  request.set_app_state(api::APP_STATE_DEPLOYED);
  (*request.mutable_function_ids())["Cls.*"] = staged.function_id();
  (*request.mutable_definition_ids())[staged.function_id()] = staged.handle_metadata().definition_id();
  (*request.mutable_class_ids())["Cls"] = created.class_id();
  ASSERT_TRUE(api_->call(&Stub::AppPublish, request, &published_).ok());
  api::ClassGetRequest find;
  find.set_app_name("web");
  find.set_object_tag("Cls");
  api::ClassGetResponse found;
  ASSERT_TRUE(api_->call(&Stub::ClassGet, find, &found).ok());
  EXPECT_EQ(found.class_id(), created.class_id());
}

TEST_F(PublishTest, ARollbackServesTheOldDefinitionAsANewVersion) {
  const auto app_id = deploy("web", {web_function("hello", "im-1")});
  const auto before = definition_of("web", "hello");
  ASSERT_TRUE(
      publish(app_id, api::APP_STATE_DEPLOYED, {web_function("hello", "im-2"), web_function("bye", "im-2")}).ok());
  ASSERT_NE(definition_of("web", "hello"), before);
  ASSERT_TRUE(roll_back(app_id, -1).ok());
  EXPECT_EQ(definition_of("web", "hello"), before);
  EXPECT_FALSE(api_->route("ws--web-bye.localhost"));
  const auto history = history_of(app_id);
  EXPECT_EQ(history.production_app_version(), 3u);
  EXPECT_EQ(history.app_deployment_histories(0).deployment_type(), api::DEPLOYMENT_TYPE_ROLLBACK);
  EXPECT_EQ(history.app_deployment_histories(0).rollback_version(), 1u);
  restart();
  EXPECT_EQ(definition_of("web", "hello"), before);
}

TEST_F(PublishTest, ARollbackIsRefusedWithoutAVersionToGoTo) {
  const auto app_id = deploy("web", {web_function("hello", "im-1")});
  EXPECT_EQ(roll_back(app_id, -1).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(roll_back(app_id, 1).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(roll_back(app_id, 7).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(roll_back("ap-none", -1).error_code(), grpc::StatusCode::NOT_FOUND);
  const auto served = create_app("served", api::APP_STATE_EPHEMERAL);
  EXPECT_EQ(roll_back(served, -1).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(PublishTest, ARolloverMakesNewDefinitionsOfTheSameContent) {
  const auto app_id = deploy("web", {web_function("hello", "im-1")});
  const auto first = definition_of("web", "hello");
  ASSERT_TRUE(roll_over(app_id).ok());
  const auto second = definition_of("web", "hello");
  EXPECT_NE(second, first);
  ASSERT_TRUE(publish(app_id, api::APP_STATE_DEPLOYED, {web_function("hello", "im-1")}).ok());
  EXPECT_EQ(definition_of("web", "hello"), second);  // what an equal deploy keeps is what runs
  ASSERT_TRUE(roll_back(app_id, 1).ok());
  EXPECT_EQ(definition_of("web", "hello"), first);
  ASSERT_TRUE(roll_over(app_id).ok());
  EXPECT_NE(definition_of("web", "hello"), second);
  EXPECT_EQ(history_of(app_id).app_deployment_histories(0).deployment_type(), api::DEPLOYMENT_TYPE_ROLLOVER);
}

TEST_F(PublishTest, AStagedVersionServesNothingUntilItIsPromoted) {
  const auto app_id = deploy("web", {web_function("hello", "im-1")});
  const auto before = definition_of("web", "hello");
  staged_ = true;
  ASSERT_TRUE(publish(app_id, api::APP_STATE_DEPLOYED, {web_function("hello", "im-2")}).ok());
  staged_ = false;
  EXPECT_EQ(definition_of("web", "hello"), before);
  EXPECT_EQ(history_of(app_id).production_app_version(), 1u);
  EXPECT_EQ(roll_back(app_id, 2).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  api::AppPromoteRequest request;
  request.set_app_id(app_id);
  request.set_version(2);
  api::AppPromoteResponse response;
  ASSERT_TRUE(api_->call(&Stub::AppPromote, request, &response).ok());
  EXPECT_NE(definition_of("web", "hello"), before);
  EXPECT_EQ(history_of(app_id).production_app_version(), 3u);
  ASSERT_TRUE(roll_back(app_id, -1).ok());  // to what was served before, not to what was staged
  EXPECT_EQ(definition_of("web", "hello"), before);
}

TEST_F(PublishTest, AVersionCanBeLookedUpWhileItsCodeIsTheOneThatRuns) {
  const auto app_id = deploy("web", {web_function("hello", "im-1"), web_function("bye", "im-1")});
  ASSERT_TRUE(
      publish(app_id, api::APP_STATE_DEPLOYED, {web_function("hello", "im-2"), web_function("bye", "im-1")}).ok());
  api::FunctionGetResponse response;
  EXPECT_TRUE(get("web", "bye", &response, 1).ok());
  EXPECT_TRUE(get("web", "hello", &response, 2).ok());
  const auto status = get("web", "hello", &response, 1);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(status.error_message().find("rollback web v1"), std::string::npos) << status.error_message();
  EXPECT_EQ(get("web", "bye", &response, 3).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(PublishTest, RefusesFunctionsAndDefinitionsOfAnotherApp) {
  const auto other = create_app("other", api::APP_STATE_INITIALIZING);
  api::FunctionCreateResponse staged;
  ASSERT_TRUE(stage(other, web_function("hello", "im-1"), &staged).ok());
  api::AppPublishRequest request;
  request.set_app_id(create_app("web", api::APP_STATE_INITIALIZING));
  request.set_app_state(api::APP_STATE_DEPLOYED);
  (*request.mutable_function_ids())["hello"] = staged.function_id();
  (*request.mutable_definition_ids())[staged.function_id()] = staged.handle_metadata().definition_id();
  EXPECT_EQ(api_->call(&Stub::AppPublish, request, &published_).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(PublishTest, NewAutoscalerSettingsSurviveARestartAndEndWithTheNextPublish) {
  const auto app_id = deploy("web", {web_function("hello", "im-1")});
  const auto function_id = api_->route("ws--web-hello.localhost")->function_id;
  api::FunctionUpdateSchedulingParamsRequest request;
  request.set_function_id(function_id);
  request.mutable_settings()->set_min_containers(2);
  api::FunctionUpdateSchedulingParamsResponse response;
  ASSERT_TRUE(api_->call(&Stub::FunctionUpdateSchedulingParams, request, &response).ok());
  EXPECT_EQ(response.current_settings().min_containers(), 2u);
  restart();
  request.mutable_settings()->clear_min_containers();
  request.mutable_settings()->set_max_containers(5);
  ASSERT_TRUE(api_->call(&Stub::FunctionUpdateSchedulingParams, request, &response).ok());
  EXPECT_EQ(response.current_settings().min_containers(), 2u);
  ASSERT_TRUE(publish(app_id, api::APP_STATE_UNSPECIFIED, {web_function("hello", "im-1")}).ok());
  ASSERT_TRUE(api_->call(&Stub::FunctionUpdateSchedulingParams, request, &response).ok());
  EXPECT_EQ(response.current_settings().min_containers(), 0u);
}

TEST_F(PublishTest, ARenamedWebSuffixMovesTheAddresses) {
  deploy("web", {web_function("hello", "im-1")});
  api::EnvironmentUpdateRequest request;
  request.set_current_name("main");
  request.mutable_web_suffix()->set_value("prod");
  api::EnvironmentListItem response;
  ASSERT_TRUE(api_->call(&Stub::EnvironmentUpdate, request, &response).ok());
  EXPECT_TRUE(api_->route("ws-prod--web-hello.localhost"));
  EXPECT_FALSE(api_->route("ws--web-hello.localhost"));
}

}  // namespace
}  // namespace bimodal::control

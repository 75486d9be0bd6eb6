// For tests that stage, publish and stop apps over gRPC.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/loopback.h"

namespace bimodal::control {

using Stub = api::ModalClient::Stub;

class PublishTest : public testing::Test {
 protected:
  PublishTest() { restart(); }

  void restart() {
    api_.reset();
    api_ = std::make_unique<Api>(home_.path());
  }

  std::string create_app(const std::string& name, api::AppState state) {
    api::AppCreateRequest request;
    request.set_description(name);
    request.set_app_state(state);
    api::AppCreateResponse response;
    EXPECT_TRUE(api_->call(&Stub::AppCreate, request, &response).ok());
    return response.app_id();
  }

  static api::Function web_function(const std::string& name, const std::string& image) {
    api::Function function;
    function.set_module_name("script");
    function.set_function_name(name);
    function.set_image_id(image);
    function.mutable_webhook_config()->set_type(api::WEBHOOK_TYPE_FUNCTION);
    return function;
  }

  grpc::Status stage(const std::string& app_id, const api::Function& function, api::FunctionCreateResponse* response) {
    api::FunctionCreateRequest request;
    request.set_app_id(app_id);
    *request.mutable_function() = function;
    return api_->call(&Stub::FunctionCreate, request, response);
  }

  // Stages and publishes `functions` as the whole app.
  grpc::Status publish(const std::string& app_id, api::AppState state, const std::vector<api::Function>& functions) {
    api::AppPublishRequest request;
    request.set_app_id(app_id);
    request.set_app_state(state);
    for (const auto& function : functions) {
      api::FunctionCreateResponse staged;
      const auto status = stage(app_id, function, &staged);
      if (!status.ok()) return status;
      (*request.mutable_function_ids())[function.function_name()] = staged.function_id();
      (*request.mutable_definition_ids())[staged.function_id()] = staged.handle_metadata().definition_id();
    }
    request.set_staged(staged_);
    published_ = {};
    return api_->call(&Stub::AppPublish, request, &published_);
  }

  std::string deploy(const std::string& name, const std::vector<api::Function>& functions) {
    const std::string app_id = create_app(name, api::APP_STATE_INITIALIZING);
    const auto status = publish(app_id, api::APP_STATE_DEPLOYED, functions);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return app_id;
  }

  grpc::Status stop(const std::string& app_id) {
    api::AppStopRequest request;
    request.set_app_id(app_id);
    google::protobuf::Empty response;
    return api_->call(&Stub::AppStop, request, &response);
  }

  grpc::Status disconnect(const std::string& app_id) {
    api::AppClientDisconnectRequest request;
    request.set_app_id(app_id);
    google::protobuf::Empty response;
    return api_->call(&Stub::AppClientDisconnect, request, &response);
  }

  grpc::Status roll_back(const std::string& app_id, int version) {
    api::AppRollbackRequest request;
    request.set_app_id(app_id);
    request.set_version(version);
    api::AppRollbackResponse response;
    return api_->call(&Stub::AppRollback, request, &response);
  }

  grpc::Status roll_over(const std::string& app_id) {
    api::AppRolloverRequest request;
    request.set_app_id(app_id);
    api::AppRolloverResponse response;
    return api_->call(&Stub::AppRollover, request, &response);
  }

  api::AppDeploymentHistoryResponse history_of(const std::string& app_id) {
    api::AppDeploymentHistoryRequest request;
    request.set_app_id(app_id);
    api::AppDeploymentHistoryResponse response;
    EXPECT_TRUE(api_->call(&Stub::AppDeploymentHistory, request, &response).ok());
    return response;
  }

  std::string definition_of(const std::string& app, const std::string& tag) {
    api::FunctionGetResponse response;
    const auto status = get(app, tag, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.handle_metadata().definition_id();
  }

  grpc::Status get(
      const std::string& app, const std::string& tag, api::FunctionGetResponse* response, int version = 0) {
    api::FunctionGetRequest request;
    request.set_app_name(app);
    request.set_app_version(static_cast<std::uint32_t>(version));
    request.set_object_tag(tag);
    return api_->call(&Stub::FunctionGet, request, response);
  }

  TemporaryHome home_;
  std::unique_ptr<Api> api_;
  api::AppPublishResponse published_;
  bool staged_ = false;
};

}  // namespace bimodal::control

// Environments, secrets and the workspace, over gRPC.
#include <algorithm>

#include "control/loopback.h"
#include "control/web_token.h"

namespace bimodal::control {
namespace {

using Stub = api::ModalClient::Stub;
using google::protobuf::Empty;

class ObjectsTest : public testing::Test {
 protected:
  ObjectsTest() : api_(home_.path()) {}

  grpc::Status create_secret(
      const std::string& name, api::ObjectCreationType how, const std::map<std::string, std::string>& variables) {
    api::SecretGetOrCreateRequest request;
    request.set_deployment_name(name);
    request.set_object_creation_type(how);
    request.mutable_env_dict()->insert(variables.begin(), variables.end());
    secret_ = {};
    return api_.call(&Stub::SecretGetOrCreate, request, &secret_);
  }

  grpc::Status create_environment(const std::string& name) {
    api::EnvironmentCreateRequest request;
    request.set_name(name);
    Empty response;
    return api_.call(&Stub::EnvironmentCreate, request, &response);
  }

  TemporaryHome home_;
  Api api_;
  api::SecretGetOrCreateResponse secret_;
};

constexpr auto kLookUp = api::OBJECT_CREATION_TYPE_UNSPECIFIED;
constexpr auto kCreate = api::OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS;
constexpr auto kOverwrite = api::OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS;
constexpr auto kAnonymous = api::OBJECT_CREATION_TYPE_EPHEMERAL;

TEST_F(ObjectsTest, TheDefaultEnvironmentHasABuilderVersion) {
  api::EnvironmentGetOrCreateResponse response;
  ASSERT_TRUE(api_.call(&Stub::EnvironmentGetOrCreate, api::EnvironmentGetOrCreateRequest(), &response).ok());
  EXPECT_EQ(response.metadata().name(), "main");
  EXPECT_EQ(response.metadata().settings().image_builder_version(), "2025.06");
}

TEST_F(ObjectsTest, EnvironmentsAreMadeListedAndDeleted) {
  ASSERT_TRUE(create_environment("staging").ok());
  EXPECT_EQ(create_environment("staging").error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(create_environment("no/slash").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  api::EnvironmentListResponse list;
  ASSERT_TRUE(api_.call(&Stub::EnvironmentList, Empty(), &list).ok());
  ASSERT_EQ(list.items_size(), 2);
  EXPECT_TRUE(list.items(0).default_());
  EXPECT_EQ(list.items(1).webhook_suffix(), "staging");
  api::EnvironmentDeleteRequest request;
  request.set_name("staging");
  Empty response;
  EXPECT_TRUE(api_.call(&Stub::EnvironmentDelete, request, &response).ok());
  EXPECT_EQ(api_.call(&Stub::EnvironmentDelete, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_name("main");
  EXPECT_EQ(
      api_.call(&Stub::EnvironmentDelete, request, &response).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(ObjectsTest, AnUnknownEnvironmentIsNamed) {
  api::EnvironmentGetOrCreateRequest request;
  request.set_deployment_name("nowhere");
  api::EnvironmentGetOrCreateResponse response;
  const auto status = api_.call(&Stub::EnvironmentGetOrCreate, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_NE(status.error_message().find("nowhere"), std::string::npos);
}

TEST_F(ObjectsTest, SecretsFollowTheirCreationType) {
  EXPECT_EQ(create_secret("db", kLookUp, {}).error_code(), grpc::StatusCode::NOT_FOUND);
  ASSERT_TRUE(create_secret("db", kCreate, {{"A", "1"}}).ok());
  const auto id = secret_.secret_id();
  EXPECT_EQ(create_secret("db", kCreate, {{"A", "2"}}).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(api_.variables(id).at("A"), "1");
  ASSERT_TRUE(create_secret("db", kOverwrite, {{"A", "2"}}).ok());
  EXPECT_EQ(secret_.secret_id(), id);
  EXPECT_EQ(api_.variables(id).at("A"), "2");
}

TEST_F(ObjectsTest, AMissingRequiredKeyIsNamed) {
  ASSERT_TRUE(create_secret("db", kCreate, {{"A", "1"}}).ok());
  api::SecretGetOrCreateRequest request;
  request.set_deployment_name("db");
  request.add_required_keys("A");
  ASSERT_TRUE(api_.call(&Stub::SecretGetOrCreate, request, &secret_).ok());
  request.add_required_keys("PASSWORD");
  const auto status = api_.call(&Stub::SecretGetOrCreate, request, &secret_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("PASSWORD"), std::string::npos);
}

TEST_F(ObjectsTest, TheSameAnonymousVariablesAreTheSameSecret) {
  ASSERT_TRUE(create_secret("", kAnonymous, {{"A", "1"}}).ok());
  const auto id = secret_.secret_id();
  ASSERT_TRUE(create_secret("", kAnonymous, {{"A", "1"}}).ok());
  EXPECT_EQ(secret_.secret_id(), id);
  ASSERT_TRUE(create_secret("", kAnonymous, {{"A", "2"}}).ok());
  EXPECT_NE(secret_.secret_id(), id);
}

TEST_F(ObjectsTest, SecretsAreListedWithoutValuesAndDeleted) {
  ASSERT_TRUE(create_secret("db", kCreate, {{"PASSWORD", "hunter2"}}).ok());
  ASSERT_TRUE(create_secret("", kAnonymous, {{"A", "1"}}).ok());
  api::SecretListResponse list;
  ASSERT_TRUE(api_.call(&Stub::SecretList, api::SecretListRequest(), &list).ok());
  ASSERT_EQ(list.items_size(), 1);
  EXPECT_EQ(list.items(0).label(), "db");
  EXPECT_EQ(list.SerializeAsString().find("hunter2"), std::string::npos);
  api::SecretDeleteRequest request;
  request.set_secret_id(list.items(0).secret_id());
  Empty response;
  EXPECT_TRUE(api_.call(&Stub::SecretDelete, request, &response).ok());
  EXPECT_EQ(create_secret("db", kLookUp, {}).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ObjectsTest, AnUpdateMergesAndRemovesKeys) {
  ASSERT_TRUE(create_secret("db", kCreate, {{"A", "1"}, {"B", "2"}}).ok());
  api::SecretUpdateRequest request;
  request.set_secret_id(secret_.secret_id());
  request.add_updates()->set_key("A");
  auto* added = request.add_updates();
  added->set_key("C");
  added->set_value("3");
  Empty response;
  ASSERT_TRUE(api_.call(&Stub::SecretUpdate, request, &response).ok());
  EXPECT_EQ(api_.variables(secret_.secret_id()), (store::Variables{{"B", "2"}, {"C", "3"}}));
}

TEST_F(ObjectsTest, TheAuthTokenHasThreePartsAndAnExpiry) {
  api::AuthTokenGetResponse response;
  ASSERT_TRUE(api_.call(&Stub::AuthTokenGet, api::AuthTokenGetRequest(), &response).ok());
  EXPECT_EQ(std::count(response.token().begin(), response.token().end(), '.'), 2);
}

TEST_F(ObjectsTest, TellsWhoseWorkspaceItIs) {
  api::WorkspaceNameLookupResponse name;
  ASSERT_TRUE(api_.call(&Stub::WorkspaceNameLookup, Empty(), &name).ok());
  EXPECT_EQ(name.username(), "ws");
  api::TokenInfoGetResponse token;
  ASSERT_TRUE(api_.call(&Stub::TokenInfoGet, api::TokenInfoGetRequest(), &token).ok());
  EXPECT_EQ(token.token_id(), "ak-1");
}

// Signature checked with: printf '%s' "$header.$claims" | openssl dgst -sha256 -hmac key -binary | basenc --base64url
TEST(WebToken, IsASignedJwt) {
  EXPECT_EQ(
      web_token("key", "ak-1", 1000, 2200),
      "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjIyMDAsImlhdCI6MTAwMCwic3ViIjoiYWstMSJ9."
      "cdIsRt5GM4ZYdYeF7qsyricdCJdawEyJwm2Ougwz3eM");
}

}  // namespace
}  // namespace bimodal::control

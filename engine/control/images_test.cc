#include "control/images.h"

#include <gtest/gtest.h>

#include <future>

#include "control/fake_builder.h"
#include "control/mounts.h"
#include "control/service_fixture.h"
#include "store/environment_table.h"
#include "store/secret_table.h"

namespace bimodal::control {
namespace {

using namespace std::chrono_literals;
using Status = api::GenericResult;

class ImagesTest : public ServiceTest {
 protected:
  ImagesTest() {
    context_.builder = &builder_;
    images_ = std::make_unique<Images>(context_, build_functions_, service_);
  }
  ~ImagesTest() override { close(); }

  void close() {
    if (images_) loop_.run_blocking(images_->close());
    images_.reset();
  }
  static api::ImageGetOrCreateRequest recipe(const std::string& line = "FROM python:3.11-slim-bookworm") {
    api::ImageGetOrCreateRequest request;
    request.set_builder_version("2025.06");
    request.mutable_image()->add_dockerfile_commands(line);
    return request;
  }
  api::ImageGetOrCreateResponse get_or_create(const api::ImageGetOrCreateRequest& request) {
    return *call<api::ImageGetOrCreateResponse>("ImageGetOrCreate", request);
  }
  std::vector<api::ImageJoinStreamingResponse> join(const std::string& image_id, float timeout = 10) {
    api::ImageJoinStreamingRequest request;
    request.set_image_id(image_id);
    request.set_timeout(timeout);
    std::vector<api::ImageJoinStreamingResponse> messages;
    EXPECT_TRUE(stream("ImageJoinStreaming", request, messages));
    return messages;
  }
  std::string build(const api::ImageGetOrCreateRequest& request) {
    std::string image_id = get_or_create(request).image_id();
    EXPECT_EQ(join(image_id).back().result().status(), Status::GENERIC_STATUS_SUCCESS);
    return image_id;
  }

  FakeBuilder builder_{loop_.executor(), home_ / "layers"};
  BuildFunctions build_functions_{context_};
  std::unique_ptr<Images> images_;
};

TEST_F(ImagesTest, AnswerAtOnceForAnImageThatIsBuilt) {
  std::string image_id = build(recipe());
  auto again = get_or_create(recipe());
  EXPECT_EQ(again.image_id(), image_id);
  EXPECT_EQ(again.result().status(), Status::GENERIC_STATUS_SUCCESS);
  EXPECT_EQ(again.metadata().image_builder_version(), "2025.06");
  EXPECT_EQ(again.metadata().python_version_info(), "3.11");
  EXPECT_EQ(builder_.requests.size(), 1u);
}

TEST_F(ImagesTest, SurviveARestart) {
  std::string image_id = build(recipe());
  close();
  service_ = rpc::Service();
  images_ = std::make_unique<Images>(context_, build_functions_, service_);
  EXPECT_EQ(get_or_create(recipe()).result().status(), Status::GENERIC_STATUS_SUCCESS);
  api::ImageFromIdRequest by_id;
  by_id.set_image_id(image_id);
  EXPECT_EQ(call<api::ImageFromIdResponse>("ImageFromId", by_id)->image_id(), image_id);
}

TEST_F(ImagesTest, AreBuiltAgainWhenALayerIsGone) {
  build(recipe());
  std::filesystem::remove_all(home_ / "layers" / "layer");
  EXPECT_EQ(get_or_create(recipe()).result().status(), Status::GENERIC_STATUS_UNSPECIFIED);
}

TEST_F(ImagesTest, JoinParallelRequestsForOneImage) {
  builder_.hold = true;
  std::string image_id = get_or_create(recipe()).image_id();
  EXPECT_EQ(get_or_create(recipe()).image_id(), image_id);
  auto watcher = std::async(std::launch::async, [&] { return join(image_id); });
  EXPECT_TRUE(join(image_id, 0.05f).back().result().status() == Status::GENERIC_STATUS_UNSPECIFIED);
  loop_.post([&] { builder_.release(); });
  auto messages = watcher.get();
  EXPECT_EQ(messages.front().task_logs(0).data(), "building FROM python:3.11-slim-bookworm\n");
  EXPECT_EQ(messages.back().result().status(), Status::GENERIC_STATUS_SUCCESS);
  EXPECT_TRUE(messages.back().eof());
  EXPECT_EQ(builder_.requests.size(), 1u);
}

TEST_F(ImagesTest, ContinueTheOutputBehindTheCursorOfTheLastReader) {
  builder_.hold = true;
  std::string image_id = get_or_create(recipe()).image_id();
  auto first = join(image_id, 0.05f);
  ASSERT_EQ(first.size(), 1u);
  api::ImageJoinStreamingRequest request;
  request.set_image_id(image_id);
  request.set_timeout(0);
  request.set_last_entry_id(first.back().entry_id());
  std::vector<api::ImageJoinStreamingResponse> rest;
  ASSERT_TRUE(stream("ImageJoinStreaming", request, rest));
  EXPECT_TRUE(rest.empty());
}

TEST_F(ImagesTest, TellWhyABuildFailedAndTryAgainWhenAsked) {
  builder_.failure = "RUN false failed with exit status 1";
  std::string image_id = get_or_create(recipe()).image_id();
  auto messages = join(image_id);
  EXPECT_EQ(messages.back().result().status(), Status::GENERIC_STATUS_FAILURE);
  EXPECT_EQ(messages.back().result().exception(), "RUN false failed with exit status 1");
  builder_.failure = "";
  EXPECT_EQ(build(recipe()), image_id);
}

TEST_F(ImagesTest, ReportWhatTheyCannotDoAsTheResultOfTheBuild) {
  auto request = recipe();
  request.set_build_function_id("fu-1");
  auto messages = join(get_or_create(request).image_id());
  EXPECT_EQ(messages.back().result().status(), Status::GENERIC_STATUS_FAILURE);
  EXPECT_NE(messages.back().result().exception().find("build function"), std::string::npos);
}

TEST_F(ImagesTest, NeedTheFunctionThatTheyAreToRun) {
  auto request = recipe();
  request.mutable_image()->mutable_build_function()->set_definition("def f(): ...");
  request.set_build_function_id("fu-1");
  auto messages = join(get_or_create(request).image_id());
  EXPECT_EQ(messages.back().result().exception(), "the build function fu-1 is not there: run the command again");
}

TEST_F(ImagesTest, BuildOnTheirBaseWithFilesAndSecrets) {
  std::string base_id = build(recipe());
  ASSERT_TRUE(transact([&](store::Transaction& transaction) -> Result<void> {
    TRY_VOID(store::EnvironmentTable(transaction).insert({"en-1", "main", "", true, 1}));
    store::Secret secret;
    secret.secret_id = "st-1";
    secret.environment_id = "en-1";
    secret.name = "keys";
    TRY_VOID(store::SecretTable(transaction, box_).insert(secret, {{"TOKEN", "abc"}}));
    return {};
  }));
  auto request = recipe("FROM base");
  auto& base = *request.mutable_image()->add_base_images();
  base.set_docker_tag("base");
  base.set_image_id(base_id);
  request.mutable_image()->add_secret_ids("st-1");
  auto& file = *request.mutable_image()->add_context_files();
  file.set_filename("/.requirements.txt");
  file.set_data("fastapi\n");
  build(request);
  const auto& seen = builder_.requests.back();
  ASSERT_NE(seen.base, nullptr);
  EXPECT_EQ(seen.base->python, "3.11");
  EXPECT_EQ(seen.secrets.at("TOKEN"), "abc");
  EXPECT_TRUE(seen.context.contains("/.requirements.txt"));
}

TEST_F(ImagesTest, AreBuiltAnewUnderANewIdWhenForced) {
  std::string image_id = build(recipe());
  auto forced = recipe();
  forced.set_force_build(true);
  EXPECT_NE(build(forced), image_id);
  EXPECT_EQ(builder_.requests.size(), 2u);
  EXPECT_TRUE(builder_.requests.back().ignore_cache);
}

TEST_F(ImagesTest, AreNotFoundWhenNobodyAskedForThem) {
  api::ImageJoinStreamingRequest request;
  request.set_image_id("im-unknown");
  std::vector<api::ImageJoinStreamingResponse> messages;
  EXPECT_EQ(stream("ImageJoinStreaming", request, messages).error().code, Code::NotFound);
  api::ImageFromIdRequest by_id;
  by_id.set_image_id("im-unknown");
  EXPECT_EQ(call<api::ImageFromIdResponse>("ImageFromId", by_id).error().code, Code::NotFound);
}

TEST_F(ImagesTest, AreForgottenWhenTheyAreDeletedAndFoundAgainByTheirRecipe) {
  const std::string image_id = build(recipe());
  api::ImageDeleteRequest request;
  request.set_image_id(image_id);
  EXPECT_TRUE(call<rpc::Empty>("ImageDelete", request));
  api::ImageFromIdRequest by_id;
  by_id.set_image_id(image_id);
  EXPECT_EQ(call<api::ImageFromIdResponse>("ImageFromId", by_id).error().code, Code::NotFound);
  EXPECT_EQ(call<rpc::Empty>("ImageDelete", request).error().code, Code::NotFound);
  EXPECT_EQ(build(recipe()), image_id);
}

TEST_F(ImagesTest, TellTheirWatchersWhenTheDaemonEnds) {
  builder_.hold = true;
  std::string image_id = get_or_create(recipe()).image_id();
  auto watcher = std::async(std::launch::async, [&] { return join(image_id); });
  loop_.run_blocking(images_->close());
  EXPECT_EQ(watcher.get().back().result().status(), Status::GENERIC_STATUS_FAILURE);
}

}  // namespace
}  // namespace bimodal::control

#include "control/image_recipe.h"

#include <gtest/gtest.h>

#include "base/ids.h"

namespace bimodal::control {
namespace {

namespace fs = std::filesystem;
using api::ImageGetOrCreateRequest;

ImageGetOrCreateRequest recipe() {
  ImageGetOrCreateRequest request;
  request.set_builder_version("2025.06");
  request.mutable_image()->add_dockerfile_commands("FROM python:3.11-slim-bookworm");
  (*request.mutable_image()->mutable_build_args())["A"] = "1";
  (*request.mutable_image()->mutable_build_args())["B"] = "2";
  return request;
}

TEST(ImageId, IsTheSameForTheSameRecipe) {
  ImageGetOrCreateRequest reordered = recipe();
  reordered.mutable_image()->clear_build_args();
  (*reordered.mutable_image()->mutable_build_args())["B"] = "2";
  (*reordered.mutable_image()->mutable_build_args())["A"] = "1";
  reordered.set_app_id("ap-other");
  reordered.mutable_image()->add_secret_ids("st-other");
  EXPECT_EQ(image_id_of(recipe()), image_id_of(reordered));
}

TEST(ImageId, ChangesWithCommandsBuilderVersionAndNamespace) {
  ImageGetOrCreateRequest other = recipe();
  other.mutable_image()->add_dockerfile_commands("RUN true");
  EXPECT_NE(image_id_of(recipe()), image_id_of(other));
  other = recipe();
  other.set_builder_version("2024.10");
  EXPECT_NE(image_id_of(recipe()), image_id_of(other));
  other = recipe();
  other.set_namespace_(api::DEPLOYMENT_NAMESPACE_GLOBAL);
  EXPECT_NE(image_id_of(recipe()), image_id_of(other));
}

TEST(ImageId, OfABuildFunctionIsThatOfItsSourceAndArgumentsWhateverItsId) {
  ImageGetOrCreateRequest first = recipe();
  first.mutable_image()->mutable_build_function()->set_definition("def f(): ...");
  first.set_build_function_id("fu-1");
  EXPECT_TRUE(check_buildable(first));
  ImageGetOrCreateRequest second = first;
  second.set_build_function_id("fu-2");
  EXPECT_EQ(image_id_of(first), image_id_of(second));
  second.mutable_image()->mutable_build_function()->mutable_input()->set_args("other");
  EXPECT_NE(image_id_of(first), image_id_of(second));
}

TEST(ImageRecipe, RefusesByNameWhatItCannotHonour) {
  EXPECT_TRUE(check_buildable(recipe()));
  ImageGetOrCreateRequest run_function = recipe();
  run_function.set_build_function_id("fu-1");
  EXPECT_NE(check_buildable(run_function).error().message.find("build function"), std::string::npos);
  ImageGetOrCreateRequest volume = recipe();
  volume.mutable_image()->add_volume_mounts()->set_volume_id("vo-1");
  EXPECT_NE(check_buildable(volume).error().message.find("volumes="), std::string::npos);
}

TEST(ImageRecipe, KnowsOneBase) {
  ImageGetOrCreateRequest request = recipe();
  EXPECT_EQ(*base_image_of(request.image()), "");
  auto& base = *request.mutable_image()->add_base_images();
  base.set_docker_tag("base");
  base.set_image_id("im-1");
  EXPECT_EQ(*base_image_of(request.image()), "im-1");
  base.set_docker_tag("other");
  EXPECT_EQ(base_image_of(request.image()).error().code, Code::InvalidArgument);
}

TEST(ImageRecipe, JoinsInlineFilesAndTheContextMount) {
  fs::path directory = fs::temp_directory_path() / ("bimodal-recipe-" + random_text(12));
  store::Blobs blobs(directory);
  std::string mounted = *blobs.put("mounted");
  ImageGetOrCreateRequest request = recipe();
  auto& file = *request.mutable_image()->add_context_files();
  file.set_filename("/.requirements.txt");
  file.set_data("fastapi");
  auto context = context_of(blobs, request.image(), {MountedFile{"/app/main.py", mounted, 0755}});
  ASSERT_TRUE(context) << context.error().message;
  EXPECT_EQ(context->at("/.requirements.txt").sha256, sha256_hex("fastapi"));
  EXPECT_EQ(context->at("/app/main.py").mode, 0755u);
  EXPECT_EQ(context->at("/app/main.py").source, blobs.path_of(mounted));

  file.set_filename("../outside");
  EXPECT_EQ(context_of(blobs, request.image(), {}).error().code, Code::InvalidArgument);
  fs::remove_all(directory);
}

}  // namespace
}  // namespace bimodal::control

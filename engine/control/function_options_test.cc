#include "control/function_options.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

model::FunctionVersion version() {
  model::FunctionVersion out;
  out.tag = "hello";
  out.has_plain_methods = true;
  out.secret_ids = {"st-1"};
  out.resources.cpu_milli = 500;
  return out;
}

std::string refusal(const api::FunctionOptions& options, const model::FunctionVersion& deployed) {
  auto checked = check_options(options, deployed, Settings{});
  return checked ? "" : checked.error().message;
}

TEST(FunctionOptions, ThatAskForNothingAreNone) {
  api::FunctionOptions options;
  options.mutable_resources()->mutable_gpu_config();
  EXPECT_EQ(serialized_options(options), "");
  options.set_timeout_secs(5);
  EXPECT_NE(serialized_options(options), "");
}

TEST(FunctionOptions, ReplaceWhatTheyNameAndLeaveTheRest) {
  api::FunctionOptions options;
  options.add_secret_ids("st-2");
  options.mutable_resources()->set_memory_mb(256);
  options.set_concurrency_limit(3);
  auto derived = version();
  apply_options(options, derived);
  EXPECT_EQ(derived.secret_ids, (std::vector<std::string>{"st-1", "st-2"}));
  EXPECT_EQ(derived.resources.memory_mb, 256);
  EXPECT_EQ(derived.resources.cpu_milli, 500);
  EXPECT_EQ(derived.scaling.max_containers, 3);
  options.set_replace_secret_ids(true);
  derived = version();
  apply_options(options, derived);
  EXPECT_EQ(derived.secret_ids, std::vector<std::string>{"st-2"});
}

TEST(FunctionOptions, BatchesMultiplyWhatAContainerTakes) {
  auto derived = version();
  derived.scaling.max_inputs = 4;  // two batches of two
  derived.batching.max_size = 2;
  api::FunctionOptions options;
  options.set_batch_max_size(5);
  apply_options(options, derived);
  EXPECT_EQ(derived.scaling.max_inputs, 10);
  api::FunctionOptions concurrency;
  concurrency.set_max_concurrent_inputs(3);
  apply_options(concurrency, derived);
  EXPECT_EQ(derived.scaling.max_inputs, 15);
}

TEST(FunctionOptions, AreAppliedToTheContainersDefinitionToo) {
  api::FunctionOptions options;
  options.add_volume_mounts()->set_mount_path("/new");
  options.set_replace_volume_mounts(true);
  options.set_max_concurrent_inputs(7);
  api::Function definition;
  definition.add_volume_mounts()->set_mount_path("/old");
  definition.set_target_concurrent_inputs(2);
  apply_options(options, definition);
  ASSERT_EQ(definition.volume_mounts_size(), 1);
  EXPECT_EQ(definition.volume_mounts(0).mount_path(), "/new");
  EXPECT_EQ(definition.max_concurrent_inputs(), 7u);
  EXPECT_EQ(definition.target_concurrent_inputs(), 0u);
}

TEST(FunctionOptions, ThatCannotBeAreRefusedByName) {
  api::FunctionOptions options;
  options.set_batch_max_size(2);
  EXPECT_EQ(refusal(options, version()), "");
  auto mixed = version();
  mixed.web_methods.emplace_back();
  EXPECT_NE(refusal(options, mixed).find("batched"), std::string::npos);
  mixed.has_plain_methods = false;
  EXPECT_NE(refusal(options, mixed).find("over HTTP only"), std::string::npos);
  options.set_batch_max_size(2'000'000);
  EXPECT_NE(refusal(options, version()).find("max_batch_size"), std::string::npos);
  options.Clear();
  options.add_cloud_bucket_mounts();
  EXPECT_NE(refusal(options, version()).find("CloudBucketMount"), std::string::npos);
  options.Clear();
  options.set_pinned_app_version(1);
  EXPECT_NE(refusal(options, version()).find("pinned_app_version"), std::string::npos);
}

}  // namespace
}  // namespace bimodal::control

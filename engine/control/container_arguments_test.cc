#include "control/container_arguments.h"

#include <gtest/gtest.h>

namespace bimodal::control {
namespace {

model::FunctionVersion version_with(int web_methods, bool plain) {
  model::FunctionVersion version;
  version.function_id = "fu-1";
  version.app_id = "ap-1";
  version.environment = "main";
  version.web_methods.resize(static_cast<std::size_t>(web_methods));
  version.has_plain_methods = plain;
  return version;
}

std::uint32_t slots(int web_methods, bool plain, std::uint32_t wanted) {
  api::Function definition;
  definition.set_max_concurrent_inputs(wanted);
  auto arguments = container_arguments(version_with(web_methods, plain), "ta-1", definition, {});
  EXPECT_EQ(arguments.function_def().target_concurrent_inputs(), arguments.function_def().max_concurrent_inputs());
  return arguments.function_def().max_concurrent_inputs();
}

TEST(ContainerArguments, HaveOneSlotForEachWebMethodBesideOrdinaryInputs) {
  EXPECT_EQ(slots(1, false, 0), 1u);
  EXPECT_EQ(slots(1, false, 100), 1u);  // requests are admitted outside; the seat is the only input
  EXPECT_EQ(slots(3, false, 0), 3u);
  EXPECT_EQ(slots(2, true, 0), 3u);
  EXPECT_EQ(slots(2, true, 8), 10u);
}

TEST(ContainerArguments, LeaveAFunctionWithoutWebMethodsAlone) {
  api::Function definition;
  definition.set_max_concurrent_inputs(5);
  definition.set_target_concurrent_inputs(2);
  auto arguments = container_arguments(version_with(0, true), "ta-1", definition, {});
  EXPECT_EQ(arguments.function_def().max_concurrent_inputs(), 5u);
  EXPECT_EQ(arguments.function_def().target_concurrent_inputs(), 2u);
}

TEST(ContainerArguments, HoldEveryDependencyAndSibling) {
  api::Function definition;
  definition.add_object_dependencies()->set_object_id("im-1");
  definition.add_object_dependencies()->set_object_id("fu-2");
  definition.add_object_dependencies()->set_object_id("im-1");
  api::AppLayout layout;
  auto& sibling = *layout.add_objects();
  sibling.set_object_id("fu-2");
  sibling.mutable_function_handle_metadata()->set_web_url("http://x");
  auto arguments = container_arguments(version_with(1, false), "ta-1", definition, layout);
  ASSERT_EQ(arguments.app_layout().objects_size(), 2);
  EXPECT_EQ(arguments.app_layout().objects(0).function_handle_metadata().web_url(), "http://x");
  EXPECT_EQ(arguments.app_layout().objects(1).object_id(), "im-1");
  EXPECT_EQ(arguments.function_def().object_dependencies_size(), 3);
  EXPECT_EQ(arguments.task_id(), "ta-1");
  EXPECT_EQ(arguments.environment_name(), "main");
}

TEST(Inputs, OfASeatAreOneCallWithAScope) {
  runtime::Order order{runtime::Order::Kind::Seat, "serve", "in-1", "fc-1"};
  auto response = inputs_for(order);
  ASSERT_EQ(response.inputs_size(), 1);
  EXPECT_EQ(response.inputs(0).input().args(), std::string("\x82\x81\xA1\x64type\x64seat\xA0"));
  EXPECT_EQ(response.inputs(0).input().data_format(), api::DATA_FORMAT_CBOR);
  EXPECT_EQ(response.inputs(0).input().method_name(), "serve");
  EXPECT_EQ(response.inputs(0).retry_count(), 0u);
  EXPECT_FALSE(response.inputs(0).kill_switch());
}

TEST(Inputs, EndWithAKillSwitch) {
  runtime::Order stop;
  stop.kind = runtime::Order::Kind::KillSwitch;
  EXPECT_TRUE(inputs_for(stop).inputs(0).kill_switch());
  EXPECT_EQ(inputs_for({}).inputs_size(), 0);
}

TEST(StartFailure, IsSummedUpByAMessageOfSeveralLinesToo) {
  api::GenericResult result;
  result.set_traceback("Traceback (most recent call last):\n  File \"a\"\n    f()\nRuntimeError: one\ntwo\n");
  EXPECT_EQ(start_failure_of(result).summary, "RuntimeError: one two");
  result.set_traceback("Traceback (most recent call last):\n  File \"a\"\nRuntimeError: one\n  two\n");
  EXPECT_EQ(start_failure_of(result).summary, "  two") << "better than nothing";
}

TEST(StartFailure, IsSummedUpByTheLastLineOfTheTraceback) {
  api::GenericResult result;
  result.set_exception("ModuleNotFoundError(\"No module named 'x'\")");
  EXPECT_EQ(start_failure_of(result).summary, "ModuleNotFoundError(\"No module named 'x'\")");
  result.set_traceback("Traceback (most recent call last):\n  File \"a\"\nModuleNotFoundError: No module named 'x'\n");
  EXPECT_EQ(start_failure_of(result).summary, "ModuleNotFoundError: No module named 'x'");
  EXPECT_EQ(start_failure_of(result).traceback, result.traceback());
  EXPECT_EQ(start_failure_of({}).summary, "the container failed to start");
}

}  // namespace
}  // namespace bimodal::control

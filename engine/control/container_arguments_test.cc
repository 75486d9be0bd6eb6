#include "control/container_arguments.h"

#include <gtest/gtest.h>

#include "control/class_parameters.h"

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

TEST(ContainerArguments, HaveRoomForASeatBesideOrdinaryInputs) {
  EXPECT_EQ(slots(1, false, 0), 1u);
  EXPECT_EQ(slots(1, false, 100), 100u) << "on the client's own path each request is an input";
  EXPECT_EQ(slots(3, false, 0), 1u) << "one seat serves all web methods";
  EXPECT_EQ(slots(2, true, 0), 2u);
  EXPECT_EQ(slots(2, true, 8), 9u);
}

TEST(ContainerArguments, CarryTheArgumentsOfAClass) {
  auto version = version_with(1, false);
  version.parameters = {
      {"name", model::ParameterType::Text, {}},
      {"size", model::ParameterType::Integer, {}},
      {"loud", model::ParameterType::Boolean, {}},
      {"salt", model::ParameterType::Bytes, {}}};
  version.variant.arguments = {
      {"name", std::string("x")}, {"size", std::int64_t{-7}}, {"loud", true}, {"salt", std::string("\xff")}};
  api::ClassParameterSet set;
  ASSERT_TRUE(set.ParseFromString(container_arguments(version, "ta-1", {}, {}).serialized_params()));
  ASSERT_EQ(set.parameters_size(), 4);
  EXPECT_EQ(set.parameters(0).name(), "name");
  EXPECT_EQ(set.parameters(0).string_value(), "x");
  EXPECT_EQ(set.parameters(1).type(), api::PARAM_TYPE_INT);
  EXPECT_EQ(set.parameters(1).int_value(), -7);
  EXPECT_TRUE(set.parameters(2).bool_value());
  EXPECT_EQ(set.parameters(3).bytes_value(), "\xff");
}

TEST(ClassParameters, KeepTheirDefaultsAndRefuseTypesThatNoUrlCarries) {
  api::ClassParameterInfo info;
  auto& size = *info.add_schema();
  size.set_name("size");
  size.set_type(api::PARAM_TYPE_UNKNOWN);
  size.mutable_full_type()->set_base_type(api::PARAM_TYPE_INT);
  size.set_has_default(true);
  size.set_int_default(7);
  auto parameters = class_parameters(info);
  ASSERT_TRUE(parameters);
  EXPECT_EQ(parameters->at(0).default_value, model::ParameterValue(std::int64_t{7}));
  size.mutable_full_type()->set_base_type(api::PARAM_TYPE_LIST);
  EXPECT_NE(class_parameters(info).error().message.find("'size'"), std::string::npos);
}

TEST(ContainerArguments, HaveAPlainFunctionAskForAsManyInputsAsItMayGet) {
  api::Function definition;
  definition.set_max_concurrent_inputs(5);
  definition.set_target_concurrent_inputs(2);
  auto arguments = container_arguments(version_with(0, true), "ta-1", definition, {});
  EXPECT_EQ(arguments.function_def().max_concurrent_inputs(), 5u);
  EXPECT_EQ(arguments.function_def().target_concurrent_inputs(), 5u);
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

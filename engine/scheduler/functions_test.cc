#include "scheduler/functions.h"

#include <gtest/gtest.h>

#include "scheduler/test_support.h"

namespace bimodal::scheduler {
namespace {

class FunctionsTest : public testing::Test {
 protected:
  FunctionsTest() { control.start(); }
  ~FunctionsTest() override {
    wait_for(control, functions.close(Deadline::after(5s)));
    EXPECT_EQ(launcher.alive(), 0);
  }

  static model::FunctionVersionPtr version(std::string function_id, std::string definition_id, int min_containers = 0) {
    model::FunctionVersion version;
    version.app_id = "ap-1";
    version.app_name = "shop";
    version.tag = "hello";
    version.function_id = std::move(function_id);
    version.definition_id = std::move(definition_id);
    version.scaling.min_containers = min_containers;
    return std::make_shared<const model::FunctionVersion>(version);
  }
  void publish(std::vector<model::FunctionVersionPtr> versions, Switch how) {
    on(control, [&] { functions.publish("ap-1", versions, how); });
  }
  void publish_warm(const std::string& definition_id) {
    publish({version("fu-1", definition_id, 1)}, Switch::AtOnce);
    ASSERT_TRUE(until([&] { return pool()->load().containers == 1; }));
  }
  std::shared_ptr<Pool> pool(const std::string& function_id = "fu-1") {
    return functions.find(function_id)->pool().value_or(nullptr);
  }
  std::string definition() { return pool()->version().definition_id; }

  static model::FunctionVersionPtr class_version(std::string definition_id) {
    auto version =
        std::make_shared<model::FunctionVersion>(*FunctionsTest::version("fu-1", std::move(definition_id), 3));
    version->parameters = {{"size", model::ParameterType::Integer, {}}};
    version->scaling.scaledown_window = 10ms;
    return version;
  }
  Result<std::shared_ptr<PoolSource>> bound(std::int64_t size) {
    return functions.find("fu-1")->bind({{"size", size}});
  }

  Loop control{"control"};
  FakeLauncher launcher{control.executor()};
  Functions functions{launcher, control.executor(), PoolLimits{.max_parameter_sets = 2}};
};

TEST_F(FunctionsTest, FindsWhatWasPublished) {
  EXPECT_EQ(functions.find("fu-1"), nullptr);
  publish({version("fu-1", "de-1")}, Switch::AtOnce);
  ASSERT_NE(functions.find("fu-1"), nullptr);
  EXPECT_EQ(definition(), "de-1");
}

TEST_F(FunctionsTest, KeepsThePoolOfAnUnchangedDefinition) {
  publish_warm("de-1");
  auto before = pool();
  publish({version("fu-1", "de-1", 1)}, Switch::AtOnce);
  EXPECT_EQ(pool(), before);
}

TEST_F(FunctionsTest, SwitchesAtOnceAndWarmsTheNewVersionWhenTheOldOneWasWarm) {
  publish_warm("de-1");
  auto old = pool();
  auto lease = old->try_acquire();
  publish({version("fu-1", "de-2")}, Switch::AtOnce);
  EXPECT_EQ(definition(), "de-2");
  EXPECT_TRUE(until([&] { return pool()->load().containers == 1; })) << "the next caller doesn't wait";
  EXPECT_FALSE(old->try_acquire());
  EXPECT_EQ(launcher.alive(), 2) << "the old one still has a request";
  lease.reset();
  EXPECT_TRUE(until([&] { return launcher.alive() == 1; }));
}

TEST_F(FunctionsTest, ServesAServerByItsOldVersionUntilTheNewOneIsWarmOrFailed) {
  auto server = [](std::string definition_id) {
    auto made = std::make_shared<model::FunctionVersion>(*version("fu-1", std::move(definition_id), 1));
    made->is_server = true;
    made->startup_timeout = 2h;
    return made;
  };
  publish({server("de-1")}, Switch::AtOnce);
  ASSERT_TRUE(until([&] { return pool()->load().containers == 1; }));
  on(control, [&] { launcher.start_time = 100ms; });
  publish({server("de-2")}, Switch::AtOnce);
  EXPECT_EQ(definition(), "de-1") << "a request to the new one would be refused";
  EXPECT_TRUE(until([&] { return definition() == "de-2"; }));
  EXPECT_EQ(pool()->load().containers, 1);
  on(control, [&] { launcher.failure = "no such module"; });
  publish({server("de-3")}, Switch::AtOnce);
  EXPECT_TRUE(until([&] { return definition() == "de-3"; })) << "whoever asks is told why";
}

TEST_F(FunctionsTest, SwitchesWithoutWaitingWhenTheLastContainerOfTheOldVersionIsStopped) {
  publish_warm("de-1");
  on(control, [&] { launcher.start_time = 200ms; });
  publish({version("fu-1", "de-2")}, Switch::WhenWarm);
  EXPECT_EQ(definition(), "de-1");
  const std::string old = on(control, [&] { return launcher.containers().at(0)->task_id(); });
  EXPECT_TRUE(on(control, [&] { return functions.stop_container(old, Stop::Now); }));
  EXPECT_EQ(definition(), "de-2") << "the old one starts no other";
  EXPECT_TRUE(until([&] { return pool()->load().containers == 1; }));
  EXPECT_EQ(launcher.started(), 2);
}

TEST_F(FunctionsTest, HasAPoolForEachSetOfClassArguments) {
  publish({class_version("de-1")}, Switch::AtOnce);
  auto one = bound(1).value()->pool().value();
  EXPECT_EQ(bound(1).value()->pool().value(), one);
  EXPECT_NE(bound(2).value()->pool().value(), one);
  EXPECT_EQ(std::get<std::int64_t>(one->version().variant.arguments.at("size")), 1);
  EXPECT_EQ(launcher.started(), 0) << "callers choose the sets: none is kept warm";
  auto lease = get(start(control, one->acquire(Deadline::after(5s))));
  ASSERT_TRUE(lease);
  EXPECT_EQ(on(control, [&] { return functions.load("fu-1"); })->running, 1);
}

TEST_F(FunctionsTest, BoundsTheSetsOfClassArgumentsThatAreInUse) {
  publish({class_version("de-1")}, Switch::AtOnce);
  auto first = bound(1).value();
  auto one = get(start(control, first->pool().value()->acquire(Deadline::after(5s))));
  auto two = get(start(control, bound(2).value()->pool().value()->acquire(Deadline::after(5s))));
  ASSERT_TRUE(one && two);
  EXPECT_EQ(bound(3).error().code, Code::ResourceExhausted);
  one = tl::unexpected<Error>(Error{});
  EXPECT_TRUE(until([&] { return bound(3).has_value(); })) << "once the containers of another set are gone";
  auto again = first->pool();
  EXPECT_TRUE(
      again ? (*again)->version().variant.arguments.size() == 1u : again.error().code == Code::ResourceExhausted);
}

TEST_F(FunctionsTest, ReplacesThePoolsOfClassArgumentsAtAPublish) {
  publish({class_version("de-1")}, Switch::AtOnce);
  auto source = bound(1).value();
  auto old = source->pool().value();
  auto lease = get(start(control, old->acquire(Deadline::after(5s))));
  publish({class_version("de-2")}, Switch::WhenWarm);
  EXPECT_EQ(source->pool().value()->version().definition_id, "de-2");
  EXPECT_EQ(get(start(control, old->acquire(Deadline::after(5s)))).error().code, Code::Unavailable);
  on(control, [&] { functions.publish("ap-1", {}, Switch::AtOnce); });
  EXPECT_EQ(source->pool().error().code, Code::Unavailable);
  EXPECT_EQ(bound(1).error().code, Code::Unavailable);
}

TEST_F(FunctionsTest, DerivesThePoolOfEachVariantFromWhatIsDeployed) {
  publish({version("fu-1", "de-1", 1)}, Switch::AtOnce);
  auto larger = [](const model::FunctionVersion& deployed) -> Result<model::FunctionVersion> {
    auto derived = deployed;
    derived.scaling.max_inputs = 7;
    return derived;
  };
  auto variant = [&] { return functions.find("fu-1")->pool_of({.options = "seven"}, larger).value(); };
  auto seven = variant();
  EXPECT_NE(seven, pool());
  EXPECT_EQ(variant(), seven);
  EXPECT_EQ(seven->version().scaling.min_containers, 0) << "callers choose the variants: none is kept warm";
  model::ScalingPolicy wider;
  wider.max_inputs = 3;
  EXPECT_TRUE(on(control, [&] { return functions.update_scaling("fu-1", wider); }));
  EXPECT_EQ(on(control, [&] { return seven->scaling().max_inputs; }), 7) << "it has options of its own";
  publish({version("fu-1", "de-2")}, Switch::AtOnce);
  EXPECT_EQ(variant()->version().definition_id, "de-2");
  EXPECT_EQ(variant()->version().variant.options, "seven");
}

TEST_F(FunctionsTest, SaysWhyAVariantHasNoPoolAnyMore) {
  publish({version("fu-1", "de-1")}, Switch::AtOnce);
  auto only_first = [](const model::FunctionVersion& deployed) -> Result<model::FunctionVersion> {
    if (deployed.definition_id == "de-1") return deployed;
    return error(Code::InvalidArgument, "no more");
  };
  auto variant = [&] { return functions.find("fu-1")->pool_of({.constructor = "x"}, only_first); };
  EXPECT_TRUE(variant());
  publish({version("fu-1", "de-2")}, Switch::AtOnce);
  EXPECT_EQ(variant().error().message, "no more");
}

TEST_F(FunctionsTest, StartsNothingWhenTheOldVersionWasCold) {
  publish({version("fu-1", "de-1")}, Switch::AtOnce);
  publish({version("fu-1", "de-2")}, Switch::AtOnce);
  publish({version("fu-1", "de-3")}, Switch::WhenWarm);
  EXPECT_EQ(definition(), "de-3");
  EXPECT_EQ(launcher.started(), 0);
}

TEST_F(FunctionsTest, StaysWithTheOldVersionUntilTheNewOneIsWarm) {
  publish_warm("de-1");
  on(control, [&] { launcher.start_time = 200ms; });
  publish({version("fu-1", "de-2")}, Switch::WhenWarm);
  EXPECT_EQ(definition(), "de-1");
  EXPECT_TRUE(pool()->try_acquire());
  ASSERT_TRUE(until([&] { return definition() == "de-2"; }));
  EXPECT_EQ(pool()->load().containers, 1);
  EXPECT_TRUE(until([&] { return launcher.alive() == 1; }));
}

TEST_F(FunctionsTest, StaysWithTheOldVersionWhenTheNewOneDoesNotStart) {
  publish_warm("de-1");
  on(control, [&] { launcher.failure = "SyntaxError: invalid syntax"; });
  publish({version("fu-1", "de-2")}, Switch::WhenWarm);
  ASSERT_TRUE(until([&] { return launcher.started() == 2; }));
  on(control, [] {});
  EXPECT_EQ(definition(), "de-1");
  EXPECT_TRUE(pool()->try_acquire());
}

TEST_F(FunctionsTest, ForgetsAVersionThatAnotherPublishOvertook) {
  publish_warm("de-1");
  on(control, [&] { launcher.start_time = 50ms; });
  publish({version("fu-1", "de-2")}, Switch::WhenWarm);
  publish({version("fu-1", "de-3")}, Switch::WhenWarm);
  ASSERT_TRUE(until([&] { return definition() != "de-1"; }));
  EXPECT_EQ(definition(), "de-3");
}

TEST_F(FunctionsTest, RemovesFunctionsThatThePublishLacks) {
  publish({version("fu-1", "de-1"), version("fu-2", "de-2", 1)}, Switch::AtOnce);
  ASSERT_TRUE(until([&] { return launcher.alive() == 1; }));
  publish({version("fu-1", "de-1")}, Switch::AtOnce);
  EXPECT_EQ(pool("fu-2"), nullptr);
  EXPECT_TRUE(until([&] { return launcher.alive() == 0; }));
}

TEST_F(FunctionsTest, StopsAnAppAndKeepsItsHandles) {
  publish_warm("de-1");
  auto handle = functions.find("fu-1");
  wait_for(control, functions.stop("ap-1"));
  EXPECT_EQ(handle->pool().error().code, Code::Unavailable);
  EXPECT_EQ(launcher.alive(), 0);
  publish({version("fu-1", "de-2")}, Switch::WhenWarm);
  EXPECT_TRUE(handle->pool());
}

TEST_F(FunctionsTest, StopsAContainerOfAPoolThatDrains) {
  publish_warm("de-1");
  auto lease = pool()->try_acquire();
  std::string id = lease->container().task_id();
  publish({version("fu-1", "de-2")}, Switch::AtOnce);
  EXPECT_TRUE(on(control, [&] { return functions.stop_container(id, Stop::Kill); }));
  EXPECT_FALSE(on(control, [&] { return functions.stop_container("ta-other", Stop::Kill); }));
  auto first = on(control, [&] { return launcher.containers().front(); });
  EXPECT_EQ(get(start(control, first->wait_exit())).kind, ExitKind::Signalled);
}

TEST_F(FunctionsTest, ResetsUpdatedScalingAtThePublish) {
  publish({version("fu-1", "de-1")}, Switch::AtOnce);
  model::ScalingPolicy scaling;
  scaling.min_containers = 2;
  EXPECT_TRUE(on(control, [&] { return functions.update_scaling("fu-1", scaling); }));
  EXPECT_FALSE(on(control, [&] { return functions.update_scaling("fu-9", scaling); }));
  ASSERT_TRUE(until([&] { return functions.load("fu-1")->containers == 2; }));
  publish({version("fu-1", "de-1", 3)}, Switch::AtOnce);
  EXPECT_TRUE(until([&] { return functions.load("fu-1")->containers == 3; }));
}

}  // namespace
}  // namespace bimodal::scheduler

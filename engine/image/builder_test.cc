// The builder with a fake launcher and a base that a test wrote: recipes to layers, without a sandbox or a network.
#include "image/builder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <ctime>

#include "async/blocking_pool.h"
#include "async/loop.h"
#include "async/scope.h"
#include "base/ids.h"
#include "image/bases.h"
#include "image/fake_launcher.h"
#include "image/host_config.h"
#include "image/layer_store.h"
#include "image/test_directory.h"

namespace bimodal::image {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kFrom = "FROM python:3.11.12-slim-bookworm";

class BuilderTest : public testing::Test {
 protected:
  BuilderTest() : loop_("test"), pool_(2) {
    seed_base();
    loop_.start();
    launcher_ = std::make_unique<FakeLauncher>(loop_.executor(), [this](const sandbox::Spec& spec, const auto& say) {
      return script_ ? script_(spec, say) : 0;
    });
    builder_ = start_builder();
  }

  ~BuilderTest() override {
    launcher_->release();
    loop_.run_blocking(builder_->close());
  }

  std::unique_ptr<Builder> start_builder() {
    BuilderConfig config{.home = directory_.path(), .runner_dir = directory_ / "runner", .client_versions = {"1.5.4"}};
    config.host_env = {{"PATH", "/usr/bin:/bin"}, {"PIP_INDEX_URL", "https://mirror.example/simple"}};
    return make_builder(std::move(config), *launcher_, pool_, loop_.executor());
  }

  // Small stand-ins for the layers of the Python base, under their real keys.
  void seed_base() {
    auto store = LayerStore::open(directory_ / "layers");
    ASSERT_TRUE(store);
    auto debian = store->scratch();
    ASSERT_TRUE(debian);
    (void)write_file(debian->tree() / "etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n");
    fs::create_directories(debian->tree() / "usr/lib");
    fs::create_symlink("usr/lib", debian->tree() / "lib");
    fs::create_directories(debian->tree() / "root");
    ::chmod((debian->tree() / "root").c_str(), 0700);
    ASSERT_TRUE(store->commit(std::move(*debian), debian_key(), "test", LayerStore::Existing::Keep));
    auto names = store->scratch();
    ASSERT_TRUE(names);
    ASSERT_TRUE(store->commit(std::move(*names), python_names_key(), "test", LayerStore::Existing::Keep));
  }

  Result<Image> build(BuildRequest request) {
    Result<Image> result = error(Code::Unknown, "not run");
    loop_.run_blocking(build_into(std::move(request), result));
    return result;
  }

  Result<Image> build(std::vector<std::string> commands, Context context = {}) {
    return build(BuildRequest{.image_id = "im-1", .commands = std::move(commands), .context = std::move(context)});
  }

  Task<void> build_into(BuildRequest request, Result<Image>& result) {
    BuildLog log = [this](std::string_view text) { log_ += text; };
    result = co_await builder_->build(std::move(request), std::move(log));
  }

  ContextEntry file(const std::string& name, std::string_view content, unsigned mode = 0644) {
    return ContextEntry{directory_.write("context/" + name, content), mode, sha256_hex(content)};
  }

  // Where `path` of the image's top layer is on disk.
  fs::path top(const Image& image, const std::string& path) {
    return directory_ / "layers" / image.layers.back() / path;
  }

  TestDirectory directory_;
  Loop loop_;
  BlockingPool pool_;
  FakeLauncher::Script script_;
  std::unique_ptr<FakeLauncher> launcher_;
  std::unique_ptr<Builder> builder_;
  std::string log_;
};

TEST_F(BuilderTest, MakesOneLayerPerRunAndNoneForConfiguration) {
  auto image = build({kFrom, "ENV A=1", "RUN one", "LABEL x=y", "RUN two", "CMD [\"sleep\", \"1\"]"});
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->layers.size(), 4u);
  EXPECT_EQ(image->python, "3.11");
  EXPECT_EQ(image->config.env.at("A"), "1");
  EXPECT_EQ(image->config.env.at("LANG"), "C.UTF-8");
  EXPECT_EQ(image->config.labels.at("x"), "y");
  EXPECT_EQ(image->config.cmd, (std::vector<std::string>{"sleep", "1"}));
}

TEST_F(BuilderTest, RunsWithTheEnvironmentDirectoryUserAndShellOfTheRecipe) {
  ASSERT_TRUE(build(
      {kFrom, "ARG MODE=fast", "ENV A=1", "WORKDIR /srv", "USER app", "SHELL [\"/bin/bash\", \"-c\"]", "RUN x $A"}));
  ASSERT_EQ(launcher_->started().size(), 1u);
  const auto& spec = launcher_->started()[0];
  EXPECT_EQ(spec.argv, (std::vector<std::string>{"/bin/bash", "-c", "x $A"}));
  EXPECT_EQ(spec.env.at("A"), "1");
  EXPECT_EQ(spec.env.at("MODE"), "fast");
  EXPECT_EQ(spec.env.at("HOME"), "/home/app");
  EXPECT_EQ(spec.cwd, "/srv");
  EXPECT_EQ(spec.user, "app");
  EXPECT_EQ(spec.profile, sandbox::Profile::Build);
  EXPECT_EQ(spec.network, sandbox::Network::Egress);
}

TEST_F(BuilderTest, GivesStepsTheHostsPackageConfigurationAndKeepsItOutOfTheImage) {
  script_ = [](const sandbox::Spec& spec, const auto&) {
    fs::create_directory(spec.upper / std::string(kHostDirectory.substr(1)));  // as the mount point would be
    return 0;
  };
  auto image = build({kFrom, "RUN x"});
  ASSERT_TRUE(image);
  EXPECT_EQ(launcher_->started()[0].env.at("PIP_INDEX_URL"), "https://mirror.example/simple");
  EXPECT_FALSE(image->config.env.contains("PIP_INDEX_URL"));
  EXPECT_TRUE(fs::is_empty(top(*image, "")));
}

TEST_F(BuilderTest, GivesSecretsToTheStepAlone) {
  BuildRequest request{.image_id = "im-1", .commands = {kFrom, "RUN x"}, .secrets = {{"TOKEN", "hidden"}}};
  auto image = build(request);
  ASSERT_TRUE(image);
  EXPECT_EQ(launcher_->started()[0].env.at("TOKEN"), "hidden");
  EXPECT_FALSE(image->config.env.contains("TOKEN"));
  request.secrets["TOKEN"] = "changed";
  ASSERT_TRUE(build(request));
  EXPECT_EQ(launcher_->started().size(), 1u);
}

Task<Result<void>> write_files(fs::path tree, BuildLog log, int& runs) {
  ++runs;
  log("writing\n");
  fs::create_directories(tree / "__modal/api");
  if (!write_file(tree / "made", "text")) co_return error(Code::Internal, "can't write");
  co_return Result<void>();
}

TEST_F(BuilderTest, KeepsWhatAForeignStepMadeWithoutItsMountsAndRunsItOnce) {
  auto base = build({kFrom, "ENV A=1"});
  ASSERT_TRUE(base);
  int runs = 0;
  ForeignStep step{"run_function(f)", "of f", [&runs](fs::path tree, BuildLog log) {
                     return write_files(std::move(tree), std::move(log), runs);
                   }};
  BuildRequest request{.image_id = "im-1", .base = std::make_shared<const Image>(*base), .step = step};
  auto image = build(request);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->layers.size(), base->layers.size() + 1);
  EXPECT_EQ(image->config.env.at("A"), "1");
  EXPECT_TRUE(fs::exists(top(*image, "made")));
  EXPECT_FALSE(fs::exists(top(*image, "__modal")));
  EXPECT_EQ(log_, "=> run_function(f)\nwriting\n");
  EXPECT_EQ(build(request)->layers, image->layers);
  EXPECT_EQ(runs, 1);
  request.ignore_cache = true;
  EXPECT_NE(build(request)->layers, image->layers);
  EXPECT_EQ(runs, 2);
}

TEST_F(BuilderTest, RunsNothingAgainForAnUnchangedRecipe) {
  std::vector<std::string> recipe = {kFrom, "RUN one", "COPY a /a", "RUN two", "ENV B=1", "RUN three"};
  Context context = {{"/a", file("a", "text")}};
  auto first = build(recipe, context);
  ASSERT_TRUE(first);
  const std::clock_t start = std::clock();
  auto second = build(recipe, context);
  const auto used = std::chrono::microseconds((std::clock() - start) * 1'000'000 / CLOCKS_PER_SEC);
  ASSERT_TRUE(second);
  EXPECT_EQ(first->layers, second->layers);
  EXPECT_EQ(launcher_->started().size(), 3u);
  EXPECT_LT(used, 50ms) << "of CPU time: whatever else the machine does";
  EXPECT_NE(log_.find("=> RUN three (unchanged)\n"), std::string::npos);
}

TEST_F(BuilderTest, RunsAgainFromTheFirstStepThatChanged) {
  auto first = build({kFrom, "RUN one", "RUN two"});
  auto second = build({kFrom, "RUN one", "ENV A=1", "RUN two"});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->layers[2], second->layers[2]);
  EXPECT_NE(first->layers[3], second->layers[3]);
  EXPECT_EQ(launcher_->started().size(), 3u);
}

TEST_F(BuilderTest, CopiesAgainWhenAFileChanged) {
  auto first = build({kFrom, "COPY a /a"}, {{"/a", file("a", "1")}});
  auto second = build({kFrom, "COPY a /a"}, {{"/a", file("a", "2")}});
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->layers.back(), second->layers.back());
  EXPECT_EQ(content_of(top(*second, "a")), "2");
}

TEST_F(BuilderTest, BuildsAgainOnDemandAndKeepsTheOldLayer) {
  int runs = 0;
  script_ = [&runs](const sandbox::Spec& spec, const auto&) {
    (void)write_file(spec.upper / "run", std::to_string(++runs));
    return 0;
  };
  BuildRequest request{.image_id = "im-1", .commands = {kFrom, "RUN x"}};
  auto first = build(request);
  request.ignore_cache = true;
  auto second = build(request);
  request.ignore_cache = false;
  auto third = build(request);
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(content_of(top(*first, "run")), "1");
  EXPECT_EQ(content_of(top(*second, "run")), "2");
  EXPECT_EQ(second->layers, third->layers);
}

TEST_F(BuilderTest, FindsItsLayersAgainAfterARestart) {
  auto first = build({kFrom, "RUN one"});
  loop_.run_blocking(builder_->close());
  builder_ = start_builder();
  auto second = build({kFrom, "RUN one"});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->layers, second->layers);
  EXPECT_EQ(launcher_->started().size(), 1u);
}

TEST_F(BuilderTest, NamesTheLineTheStatusAndTheLastOutputOfAFailure) {
  script_ = [](const sandbox::Spec&, const auto& say) {
    for (int i = 1; i <= 30; ++i) say("line " + std::to_string(i) + "\n");
    return 7;
  };
  auto image = build({kFrom, "RUN pip install nope"});
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Code::FailedPrecondition);
  std::string text = image.error().message;
  EXPECT_TRUE(text.starts_with("RUN pip install nope failed with exit status 7. Its last output:\nline 11\n")) << text;
  EXPECT_TRUE(text.ends_with("line 30\n"));
  EXPECT_NE(log_.find("line 1\n"), std::string::npos);
}

TEST_F(BuilderTest, LeavesNothingBehindWhenAStepFails) {
  script_ = [](const sandbox::Spec& spec, const auto&) {
    (void)write_file(spec.upper / "half", "done");
    return 1;
  };
  ASSERT_FALSE(build({kFrom, "RUN x"}));
  for (const auto& owner : list_directory(directory_ / "layers/scratch")) {
    for (const auto& entry : list_directory(owner)) EXPECT_EQ(entry.filename(), "lock");
  }
  script_ = nullptr;
  EXPECT_TRUE(build({kFrom, "RUN x"}));
}

TEST_F(BuilderTest, NamesTheAvailableBasesForAnUnknownOne) {
  auto image = build(std::vector<std::string>{"FROM python:3.12.1-slim-bookworm"});
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Code::NotFound);
  EXPECT_NE(image.error().message.find("python:3.12.1-slim-bookworm is not available"), std::string::npos);
  EXPECT_NE(image.error().message.find("debian:bookworm-slim"), std::string::npos);
}

TEST_F(BuilderTest, BuildsOnTheImageThatBaseStandsFor) {
  auto base = build({kFrom, "ENV A=1", "WORKDIR /root", "RUN one"});
  ASSERT_TRUE(base);
  BuildRequest request{
      .image_id = "im-2", .commands = {"FROM base", "RUN two"}, .base = std::make_shared<Image>(*base)};
  auto image = build(request);
  ASSERT_TRUE(image);
  EXPECT_EQ(image->layers.size(), base->layers.size() + 1);
  EXPECT_EQ(image->config.workdir, "/root");
  EXPECT_EQ(launcher_->started().back().env.at("A"), "1");
}

TEST_F(BuilderTest, MakesTheDirectoryOfWorkdirOnlyWhenMissing) {
  auto there = build({kFrom, "WORKDIR /root"});
  auto missing = build({kFrom, "WORKDIR /srv/app"});
  ASSERT_TRUE(there && missing);
  EXPECT_EQ(there->layers.size(), 2u);
  EXPECT_EQ(missing->layers.size(), 3u);
  EXPECT_TRUE(fs::is_directory(top(*missing, "srv/app")));
}

TEST_F(BuilderTest, CopiesThroughTheLinksOfTheImage) {
  auto image = build({kFrom, "COPY . /"}, {{"/lib/x.so", file("x", "so", 0755)}, {"/root/a.py", file("a", "py")}});
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(content_of(top(*image, "usr/lib/x.so")), "so");
  EXPECT_FALSE(fs::exists(top(*image, "lib")));
  struct stat root;
  ASSERT_EQ(::stat(top(*image, "root").c_str(), &root), 0);
  EXPECT_EQ(root.st_mode & 07777, 0700u);
}

TEST_F(BuilderTest, RefusesMoreThan127Layers) {
  std::vector<std::string> recipe = {kFrom};
  for (int i = 0; i < 127; ++i) recipe.push_back("RUN step " + std::to_string(i));
  auto image = build(recipe);
  ASSERT_FALSE(image);
  EXPECT_NE(image.error().message.find("at most 127 layers"), std::string::npos);
}

TEST_F(BuilderTest, WarnsOfBuildArgumentsThatNoArgDeclares) {
  ASSERT_TRUE(build(BuildRequest{.image_id = "im-1", .commands = {kFrom}, .build_args = {{"TYPO", "1"}}}));
  EXPECT_NE(log_.find("TYPO"), std::string::npos);
}

Task<void> count_success(Builder& builder, BuildRequest request, std::string& log, int& successes) {
  BuildLog write = [&log](std::string_view text) { log += text; };
  auto image = co_await builder.build(std::move(request), std::move(write));
  if (image) ++successes;
}

Task<void> until(std::function<bool()> condition) {
  auto deadline = Deadline::after(10s);
  while (!condition() && !deadline.passed()) co_await sleep_until(Deadline::after(1ms));
}

TEST_F(BuilderTest, JoinsBuildsOfOneStepAndShowsItsOutputToAll) {
  script_ = [](const sandbox::Spec&, const auto& say) {
    say("output\n");
    return 0;
  };
  launcher_->hold();
  std::string logs[3];
  int successes = 0;
  BuildRequest request{.image_id = "im-1", .commands = {kFrom, "RUN x"}};
  struct Body {
    static Task<void> run(
        BuilderTest& test, BuildRequest request, std::string* logs, int& successes, FakeLauncher& launcher,
        Builder& builder, Loop& loop) {
      Scope scope(loop.executor(), "test");
      scope.spawn(count_success(builder, request, logs[0], successes));
      scope.spawn(count_success(builder, request, logs[1], successes));
      std::function<bool()> running = [logs] { return logs[0].find("output") != std::string::npos; };
      co_await until(running);
      scope.spawn(count_success(builder, request, logs[2], successes));
      std::function<bool()> replayed = [logs] { return logs[2].find("output") != std::string::npos; };
      co_await until(replayed);
      launcher.release();
      std::function<bool()> done = [&scope] { return scope.size() == 0; };
      co_await until(done);
      co_await scope.close();
    }
  };
  loop_.run_blocking(Body::run(*this, request, logs, successes, *launcher_, *builder_, loop_));
  EXPECT_EQ(successes, 3);
  EXPECT_EQ(launcher_->started().size(), 1u);
  for (const auto& log : logs) EXPECT_EQ(log, "=> RUN x\noutput\n");
}

TEST_F(BuilderTest, FailsRunningBuildsWithCancelledWhenClosed) {
  launcher_->hold();
  Result<Image> result = error(Code::Unknown, "not run");
  struct Body {
    static Task<void> run(Task<void> build, FakeLauncher& launcher, Builder& builder, Loop& loop) {
      Scope scope(loop.executor(), "test");
      scope.spawn(std::move(build));
      std::function<bool()> running = [&launcher] { return !launcher.started().empty(); };
      co_await until(running);
      co_await builder.close();
      std::function<bool()> done = [&scope] { return scope.size() == 0; };
      co_await until(done);
      co_await scope.close();
    }
  };
  BuildRequest request{.image_id = "im-1", .commands = {kFrom, "RUN x"}};
  loop_.run_blocking(Body::run(build_into(std::move(request), result), *launcher_, *builder_, loop_));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::Cancelled);
}

TEST_F(BuilderTest, MakesTheRuntimeLayerOncePerClientAndRunner) {
  directory_.write("runner/sitecustomize.py", "pass");
  script_ = [](const sandbox::Spec& spec, const auto&) {
    for (const char* file : {"pkg/modal/__init__.py", "root/.cache/rest", "fetched/bin/uv", "fetched/bin/uvx"}) {
      (void)write_file(spec.upper / file, "");
    }
    return 0;
  };
  Result<fs::path> first = error(Code::Unknown, ""), second = first, other = first, unknown = first;
  struct Body {
    static Task<void> run(Builder& builder, std::string version, Result<fs::path>& out) {
      out = co_await builder.runtime_layer("3.11", std::move(version));
    }
  };
  loop_.run_blocking(Body::run(*builder_, "1.5.4", first));
  loop_.run_blocking(Body::run(*builder_, "1.5.4", second));
  directory_.write("runner/sitecustomize.py", "changed = 1");
  loop_.run_blocking(builder_->close());
  builder_ = start_builder();  // as by the next daemon
  loop_.run_blocking(Body::run(*builder_, "1.5.4", other));
  loop_.run_blocking(Body::run(*builder_, "9.9.9", unknown));
  ASSERT_TRUE(first && second && other) << first.error().message;
  EXPECT_EQ(*first, *second);
  EXPECT_NE(*first, *other);
  EXPECT_TRUE(fs::exists(*first / "pkg/modal/__init__.py"));
  EXPECT_EQ(content_of(*first / "__modal/runner/sitecustomize.py"), "pass");
  EXPECT_FALSE(fs::exists(*first / "root"));
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("supported: 1.5.4"), std::string::npos);
}

TEST_F(BuilderTest, NamesTheLayersDirectoryThatCannotBeUsed) {
  loop_.run_blocking(builder_->close());
  BuilderConfig config{.layers_dir = directory_.write("file", "") / "layers"};
  builder_ = make_builder(std::move(config), *launcher_, pool_, loop_.executor());
  auto image = build(std::vector<std::string>{kFrom});
  ASSERT_FALSE(image);
  EXPECT_NE(image.error().message.find("file/layers"), std::string::npos);
}

}  // namespace
}  // namespace bimodal::image

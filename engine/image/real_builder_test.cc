// The builder over the real launcher, a real Debian base and the package indexes that the host is set up for.
//
// One base, made once, serves all tests. They need root, mmdebstrap and a network, and fail without. With
// IMAGE_TEST_LAYERS=<directory> the layers stay there for the next run.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "async/blocking_pool.h"
#include "async/loop.h"
#include "async/pulse.h"
#include "async/scope.h"
#include "base/ids.h"
#include "image/builder.h"
#include "image/test_directory.h"
#include "sandbox/launcher.h"

extern char** environ;

namespace bimodal::image {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

constexpr const char* kFrom = "FROM python:3.11.12-slim-bookworm";

std::map<std::string, std::string> own_environment() {
  std::map<std::string, std::string> env;
  for (char** entry = environ; *entry; ++entry) {
    std::string text = *entry;
    auto equals = text.find('=');
    if (equals != std::string::npos) env[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return env;
}

// Launcher, loop and builder, in the order in which they need each other.
class World {
 public:
  World()
      : process_(sandbox::fork_launcher({.home = directory_.path(), .init_path = BIMODAL_INIT})),
        loop_("test"),
        pool_(2) {
    if (!process_) {
      ADD_FAILURE() << process_.error().message;
      return;
    }
    launcher_ = sandbox::connect_launcher(*std::move(process_), loop_.executor());
    loop_.start();
    directory_.write("runner/sitecustomize.py", "import sys\nsys.path += ['/__modal/deps', '/__modal/fastapi']\n");
    BuilderConfig config{
        .home = directory_.path(), .runner_dir = directory_ / "runner", .client_versions = {"1.5.4", "1.6.4"}};
    config.host_env = own_environment();
    if (auto kept = config.host_env.find("IMAGE_TEST_LAYERS"); kept != config.host_env.end()) {
      config.layers_dir = kept->second;
    }
    builder_ = make_builder(std::move(config), *launcher_, pool_, loop_.executor());
  }

  ~World() {
    if (!builder_) return;
    loop_.run_blocking(builder_->close());
    loop_.run_blocking(launcher_->close());
  }

  Result<Image> build(BuildRequest request) {
    Result<Image> result = error(Code::Unknown, "not run");
    log_.clear();
    loop_.run_blocking(build_into(std::move(request), result));
    return result;
  }

  // Two builds at once; both results.
  std::pair<Result<Image>, Result<Image>> build_both(BuildRequest one, BuildRequest other) {
    std::pair<Result<Image>, Result<Image>> results{error(Code::Unknown, ""), error(Code::Unknown, "")};
    loop_.run_blocking(build_both_into(std::move(one), std::move(other), results));
    return results;
  }

  Result<fs::path> runtime_layer(std::string client) {
    Result<fs::path> result = error(Code::Unknown, "not run");
    loop_.run_blocking(runtime_into(std::move(client), result));
    return result;
  }

  const std::string& log() const { return log_; }
  fs::path layer(const std::string& name) const { return builder_->layers_dir() / name; }

 private:
  Task<void> build_into(BuildRequest request, Result<Image>& result) {
    BuildLog log = [this](std::string_view text) { log_ += text; };
    result = co_await builder_->build(std::move(request), std::move(log));
  }

  Task<void> build_both_into(BuildRequest one, BuildRequest other, std::pair<Result<Image>, Result<Image>>& results) {
    Scope scope(loop_.executor(), "test");
    scope.spawn(build_into(std::move(one), results.first));
    co_await build_into(std::move(other), results.second);
    while (scope.size() > 0) co_await sleep_until(Deadline::after(std::chrono::milliseconds(1)));
    co_await scope.close();
  }

  Task<void> runtime_into(std::string client, Result<fs::path>& result) {
    result = co_await builder_->runtime_layer("3.11", std::move(client));
  }

  TestDirectory directory_;
  Result<sandbox::LauncherProcess> process_;  // forked before the threads below exist
  Loop loop_;
  BlockingPool pool_;
  std::unique_ptr<sandbox::Launcher> launcher_;
  std::unique_ptr<Builder> builder_;
  std::string log_;
};

class RealBuilderTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }

  static BuildRequest request(Lines steps, std::string from = kFrom) {
    static const std::string run = random_text(12);  // so that kept layers of an earlier run are not found
    steps.insert(steps.begin(), {std::move(from), "ENV TEST_RUN=" + run});
    return BuildRequest{.image_id = "im-1", .commands = std::move(steps)};
  }

  static Image build(Lines steps) {
    auto image = world_->build(request(std::move(steps)));
    EXPECT_TRUE(image) << image.error().message;
    return image ? *image : Image();
  }

  static fs::path top(const Image& image, const std::string& path) { return world_->layer(image.layers.back()) / path; }
  static bool logged(const std::string& text) { return world_->log().find(text) != std::string::npos; }

  static std::unique_ptr<World> world_;
};

std::unique_ptr<World> RealBuilderTest::world_;

// First, because it makes the base that the others use.
TEST_F(RealBuilderTest, MakesTheBaseOnceForBuildsThatStartTogether) {
  auto [python, debian] = world_->build_both(request({}), request({}, "FROM debian:bookworm-slim"));
  ASSERT_TRUE(python && debian) << python.error().message;
  EXPECT_EQ(python->layers.size(), 2u);
  EXPECT_EQ(python->layers[0], debian->layers[0]);
  EXPECT_EQ(debian->layers.size(), 1u);
}

TEST_F(RealBuilderTest, BehavesLikeThePythonImageOfThatName) {
  build(
      {"RUN python --version && python3 -c 'import ssl, sqlite3, ctypes; print(\"all there\")' && echo $LANG",
       "RUN pip --version && command -v pip && command -v python && test ! -e /usr/lib/python3.11/EXTERNALLY-MANAGED",
       "RUN id -u && test \"$HOME\" = /root && test \"$(pwd)\" = / && test ! -s /etc/apt/apt.conf.d/99mmdebstrap"});
  EXPECT_TRUE(logged("Python 3.11."));
  EXPECT_TRUE(logged("all there\nC.UTF-8\n"));
  EXPECT_TRUE(logged("/usr/local/bin/pip\n/usr/local/bin/python\n"));
}

TEST_F(RealBuilderTest, InstallsWithPipAndLeavesNothingOfTheHostInTheLayer) {
  auto image = build({"RUN python -m pip install six", "RUN python -c 'import six; print(\"six\", six.__file__)'"});
  EXPECT_TRUE(logged("six /usr/local/lib/python3.11/dist-packages/six.py"));
  ASSERT_EQ(image.layers.size(), 4u);
  auto layer = world_->layer(image.layers[2]);
  for (const auto& entry : list_directory(layer)) {
    EXPECT_TRUE(entry.filename() == "usr" || entry.filename() == "tmp") << entry;
  }
  EXPECT_TRUE(list_directory(layer / "tmp").empty());
  struct stat owner;
  ASSERT_EQ(::lstat((layer / "usr/local/lib/python3.11/dist-packages/six.py").c_str(), &owner), 0);
  EXPECT_EQ(owner.st_uid, 0u);
}

TEST_F(RealBuilderTest, InstallsWithTheUvThatItCopiesIn) {
  build(
      {"COPY --from=ghcr.io/astral-sh/uv:latest /uv /.uv/uv",
       "RUN /.uv/uv pip install --python $(command -v python) --compile-bytecode iniconfig",
       "RUN python -c 'import iniconfig; print(iniconfig.__name__)'"});
  EXPECT_TRUE(logged("\niniconfig\n"));
}

TEST_F(RealBuilderTest, InstallsWithApt) {
  build({"RUN apt-get update && apt-get install -y --no-install-recommends tree", "RUN tree --version"});
  EXPECT_TRUE(logged("tree v"));
}

TEST_F(RealBuilderTest, KeepsRemovalsForTheStepsAbove) {
  build(
      {"RUN echo a > /a && mkdir /d && echo b > /d/b && mkdir /gone && ln -s /d /link",
       "RUN rm /a && rm -r /d && mkdir /d && rmdir /gone && mv /usr/games /usr/plays",
       "RUN test ! -e /a && test -z \"$(ls /d)\" && test ! -e /gone && test -d /usr/plays && test ! -e /usr/games && "
       "echo held",
       "COPY <<x /link/x\nfrom copy\nx", "RUN cat /d/x"});
  EXPECT_TRUE(logged("held\n"));
  EXPECT_TRUE(logged("from copy\n"));
}

TEST_F(RealBuilderTest, RunsAsTheUserOfTheRecipeAndKeepsOwners) {
  auto image = build(
      {"RUN useradd --create-home --uid 1234 app", "USER app", "WORKDIR /home/app",
       "RUN id -un && echo $HOME && touch mine && ! touch /root/no 2>/dev/null"});
  EXPECT_TRUE(logged("app\n/home/app\n"));
  struct stat owner;
  ASSERT_EQ(::lstat(top(image, "home/app/mine").c_str(), &owner), 0);
  EXPECT_EQ(owner.st_uid, 1234u);
}

TEST_F(RealBuilderTest, GivesTheStepsTheirSecretsAndNobodyElse) {
  auto with_secret = request({"RUN test \"$TOKEN\" = hidden && echo seen"});
  with_secret.secrets["TOKEN"] = "hidden";
  ASSERT_TRUE(world_->build(with_secret));
  EXPECT_TRUE(logged("seen"));
  build({"RUN test -z \"$TOKEN\" && echo none"});
  EXPECT_TRUE(logged("none"));
}

TEST_F(RealBuilderTest, ShowsTheLineAndTheOutputOfAFailure) {
  auto image = world_->build(request({"RUN echo before && pip install no-such-package-as-this-one-here"}));
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Code::FailedPrecondition);
  EXPECT_TRUE(image.error().message.starts_with("RUN echo before && pip install no-such"));
  EXPECT_NE(image.error().message.find("failed with exit status 1"), std::string::npos);
  EXPECT_NE(image.error().message.find("No matching distribution found"), std::string::npos);
}

TEST_F(RealBuilderTest, FindsAnUnchangedRecipeInAnInstant) {
  Lines recipe = {"RUN true", "ENV A=1", "WORKDIR /root", "RUN echo $A", "COPY <<x /x\ntext\nx"};
  auto first = build(recipe);
  auto best = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < 5; ++i) {  // the best of five, because other work may disturb one
    auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(build(recipe).layers, first.layers);
    best = std::min(best, std::chrono::steady_clock::now() - start);
  }
  RecordProperty("milliseconds", std::to_string(std::chrono::duration<double, std::milli>(best).count()));
  EXPECT_LT(best, std::chrono::milliseconds(50));
}

TEST_F(RealBuilderTest, MakesARuntimeLayerInWhichEachClientStarts) {
  for (const char* client : {"1.5.4", "1.6.4"}) {
    auto runtime = world_->runtime_layer(client);
    ASSERT_TRUE(runtime) << runtime.error().message;
    auto image = std::make_shared<Image>(build({}));
    image->layers.push_back(runtime->filename());
    auto probe = request(
        {"ENV PYTHONPATH=/__modal/runner:/pkg",
         "RUN python -c 'import modal, modal._container_entrypoint, fastapi, uvicorn, google.protobuf as p; "
         "print(modal.__version__, modal.__file__, fastapi.__file__, p.__file__)'"},
        "FROM base");
    probe.base = image;
    auto built = world_->build(probe);
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_TRUE(logged(
        std::string(client) +
        " /pkg/modal/__init__.py /__modal/fastapi/fastapi/__init__.py "
        "/__modal/deps/google/protobuf/__init__.py"))
        << world_->log();
    EXPECT_TRUE(fs::is_empty(top(*built, ""))) << "something was compiled again";
  }
}

}  // namespace
}  // namespace bimodal::image

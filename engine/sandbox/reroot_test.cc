// A running sandbox gets another root, and keeps every barrier.
#include <signal.h>
#include <unistd.h>

#include <fstream>

#include "sandbox/testing/fixture.h"

namespace bimodal::sandbox {
namespace {

namespace fs = std::filesystem;

Task<void> reroot_on_loop(Sandbox& sandbox, Spec spec, std::optional<Error>& failure) {
  auto done = co_await sandbox.reroot(std::move(spec));
  if (!done) failure = done.error();
}

class RerootTest : public SandboxTest {
 protected:
  void SetUp() override {
    SandboxTest::SetUp();
    if (rootless()) GTEST_SKIP() << "a new root needs root";
    code_ = home_ / "layers" / "code";
    fs::create_directories(code_ / "root");
    std::ofstream(code_ / "root" / "script.py") << "code\n";
  }

  // A probe that waits until it has its new root, then does `verbs`.
  std::unique_ptr<Sandbox> waiting(std::vector<std::string> verbs) {
    verbs.insert(verbs.begin(), "after");
    Spec spec = probe(std::move(verbs));
    first_upper_ = spec.upper;
    ASSERT_PIPE(output_);
    spec.fds.push_back({output_[1], 1});
    std::unique_ptr<Sandbox> sandbox;
    loop_->run_blocking(start_here(*launcher_, std::move(spec), sandbox));
    ::close(output_[1]);
    read_line();
    return sandbox;
  }

  // What a new root with the layer of code is made of.
  Spec with_code() {
    Spec spec = probe({"none"});
    spec.layers.push_back(code_);
    return spec;
  }

  std::optional<Error> reroot(Sandbox& sandbox, Spec spec) {
    std::optional<Error> failure;
    loop_->run_blocking(reroot_on_loop(sandbox, std::move(spec), failure));
    return failure;
  }

  // Its output after the change of root.
  std::string rest_of(std::unique_ptr<Sandbox> sandbox) {
    on_loop([&] { sandbox->signal(SIGUSR1); });
    std::string text;
    for (std::string line = read_line(); !line.empty(); line = read_line()) text += line;
    ::close(output_[0]);
    wait(*sandbox);
    on_loop([&] { sandbox.reset(); });
    return text;
  }

  fs::path code_, first_upper_;

 private:
  static void ASSERT_PIPE(int (&ends)[2]) { ASSERT_EQ(::pipe(ends), 0); }
  static Task<void> start_here(Launcher& launcher, Spec spec, std::unique_ptr<Sandbox>& sandbox) {
    auto started = co_await launcher.start(std::move(spec));
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    if (started) sandbox = std::move(*started);
  }
  // One byte after the other: nothing of the next line is taken.
  std::string read_line() {
    std::string line;
    for (char byte = 0; ::read(output_[0], &byte, 1) == 1;) {
      line += byte;
      if (byte == '\n') break;
    }
    return line;
  }

  int output_[2] = {-1, -1};
};

TEST_F(RerootTest, TheRunningProcessSeesTheNewLayersAndTheFilesOfItsImage) {
  auto sandbox = waiting({"read", "/root/script.py", "--", "read", "/etc/group"});
  auto failure = reroot(*sandbox, with_code());
  ASSERT_FALSE(failure) << failure->message;
  EXPECT_EQ(rest_of(std::move(sandbox)), "code\nroot:x:0:\nann:x:1001:\nvideo:x:44:ann,bob\n");
}

TEST_F(RerootTest, ChangesGoIntoTheNewUpperDirectoryAndBothGoWithTheSandbox) {
  auto sandbox = waiting({"write", "/etc/new", "text", "--", "owner", "/etc/new"});
  Spec next = with_code();
  ASSERT_FALSE(reroot(*sandbox, next));
  EXPECT_TRUE(fs::exists(first_upper_));
  EXPECT_EQ(rest_of(std::move(sandbox)), "ok\n0:0 644\n");
  EXPECT_FALSE(fs::exists(first_upper_));
  EXPECT_FALSE(fs::exists(next.upper));
  EXPECT_FALSE(fs::exists(layer_ / "etc" / "new"));
}

TEST_F(RerootTest, ProcAndDevStayThoseOfTheSandbox) {
  auto sandbox = waiting(
      {"pids", "--", "write", "/proc/sys/kernel/hostname", "x", "--", "write", "/dev/null", "x", "--", "read",
       "/proc/1/environ"});
  ASSERT_FALSE(reroot(*sandbox, with_code()));
  EXPECT_EQ(rest_of(std::move(sandbox)), "2\nEACCES\nok\nEACCES\n");
}

TEST_F(RerootTest, NoMountOfTheOldRootAndNoneOfTheHostRemains) {
  auto count = [](const std::string& text, std::string_view word) {
    int found = 0;
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
    return found;
  };
  auto untouched = waiting({"read", "/proc/self/mountinfo"});
  std::string before = rest_of(std::move(untouched));
  auto sandbox = waiting({"read", "/proc/self/mountinfo"});
  ASSERT_FALSE(reroot(*sandbox, with_code()));
  std::string after = rest_of(std::move(sandbox));
  EXPECT_EQ(count(after, "\n"), count(before, "\n")) << after;
  EXPECT_EQ(count(after, "overlay"), count(before, "overlay")) << after;
}

TEST_F(RerootTest, TheProcessStillMayMountNothingAndLeaveNowhere) {
  auto sandbox = waiting({"attempts", "mount", "unshare", "pivot_root", "setns"});
  ASSERT_FALSE(reroot(*sandbox, with_code()));
  std::string tried = rest_of(std::move(sandbox));
  EXPECT_EQ(tried.find(" ok"), std::string::npos) << tried;
}

TEST_F(RerootTest, BindsAreThoseOfTheNewRootAndReadOnly) {
  fs::create_directories(home_ / "api");
  std::ofstream(home_ / "api" / "arguments.bin") << "arguments\n";
  auto sandbox = waiting({"read", "/__api/arguments.bin", "--", "write", "/__api/arguments.bin", "x"});
  Spec next = with_code();
  next.binds = {{.source = home_ / "api", .target = "/__api"}};
  ASSERT_FALSE(reroot(*sandbox, next));
  EXPECT_EQ(rest_of(std::move(sandbox)), "arguments\nEROFS\n");
}

TEST_F(RerootTest, NamesTheLayerThatDoesNotExist) {
  auto sandbox = waiting({"id"});
  Spec next = with_code();
  next.layers.push_back(home_ / "layers" / "missing");
  auto failure = reroot(*sandbox, next);
  ASSERT_TRUE(failure);
  EXPECT_NE(failure->message.find("layers/missing"), std::string::npos) << failure->message;
  end(std::move(sandbox));
}

TEST_F(RerootTest, ASandboxThatHasEndedIsRefused) {
  auto sandbox = waiting({"id"});
  on_loop([&] { sandbox->kill(); });
  wait(*sandbox);
  EXPECT_TRUE(reroot(*sandbox, with_code()));
  on_loop([&] { sandbox.reset(); });
}

}  // namespace
}  // namespace bimodal::sandbox

// Containers that are forked by the process of another sandbox, and the barriers around both.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "sandbox/packet.h"
#include "sandbox/testing/fixture.h"
#include "wire/frame.h"
#include "wire/zygote.h"

namespace bimodal::sandbox {
namespace {

namespace fs = std::filesystem;

struct Ends {
  UniqueFd ours, theirs;
};

Ends pair_of(int type) {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Task<void> start_here(Launcher& launcher, Spec spec, std::unique_ptr<Sandbox>& sandbox) {
  auto started = co_await launcher.start(std::move(spec));
  EXPECT_TRUE(started) << (started ? "" : started.error().message);
  if (started) sandbox = std::move(*started);
}

Task<void> adopt_here(
    Sandbox& zygote, Spec spec, Forked forked, std::unique_ptr<Sandbox>& sandbox, std::string& failure) {
  auto adopted = co_await zygote.adopt(std::move(spec), std::move(forked));
  if (adopted) {
    sandbox = std::move(*adopted);
  } else {
    failure = adopted.error().message;
  }
}

Task<void> reroot_here(Sandbox& sandbox, Spec spec) {
  auto done = co_await sandbox.reroot(std::move(spec));
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
}

struct Child {
  std::unique_ptr<Sandbox> sandbox;
  UniqueFd output, channel;
  std::string failure;
};

class ZygoteTest : public SandboxTest {
 protected:
  void SetUp() override {
    SandboxTest::SetUp();
    if (rootless()) GTEST_SKIP() << "a zygote needs root";
  }

  void TearDown() override {
    if (zygote_) end(std::move(zygote_));
    SandboxTest::TearDown();
  }

  // One whose containers do `verbs`.
  void start_zygote(std::vector<std::string> verbs, Network network = Network::None) {
    verbs.insert(verbs.begin(), "zygote");
    Spec spec = probe(std::move(verbs));
    spec.profile = Profile::Zygote;
    spec.network = network;
    Ends channel = pair_of(SOCK_SEQPACKET);
    Ends output = pair_of(SOCK_STREAM);
    spec.fds = {{output.theirs.get(), 1}, {output.theirs.get(), 2}, {channel.theirs.get(), wire::kZygoteFd}};
    UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    spec.fds.push_back({null.get(), 0});
    spec.fds.push_back({null.get(), wire::kListenFd});
    loop_->run_blocking(start_here(*launcher_, std::move(spec), zygote_));
    channel_ = std::move(channel.ours);
    char line[16];
    EXPECT_GT(::read(output.ours.get(), line, sizeof line), 0);
  }

  Forked order(Child& child) {
    Ends output = pair_of(SOCK_STREAM), channel = pair_of(SOCK_STREAM), gate = pair_of(SOCK_SEQPACKET);
    UniqueFd listener(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const int out = output.theirs.get();
    EXPECT_TRUE(
        send_packet(channel_.get(), "fork", {out, out, listener.get(), channel.theirs.get(), gate.theirs.get()}));
    child.output = std::move(output.ours);
    child.channel = std::move(channel.ours);
    Forked forked;
    Received answer;
    for (int i = 0; i < 1000 && !answer.packet && !answer.ended; ++i) {
      answer = receive_packet(channel_.get());
      if (!answer.packet) ::usleep(1000);
    }
    EXPECT_TRUE(answer.packet && answer.packet->fds.size() == 1);
    if (answer.packet && !answer.packet->fds.empty()) forked.process = std::move(answer.packet->fds[0]);
    forked.gate = std::move(gate.ours);
    return forked;
  }

  Spec child_spec() {
    Spec spec = probe({"none"});
    spec.network = network_;
    return spec;
  }

  Child fork() {
    Child child;
    Forked forked = order(child);
    loop_->run_blocking(adopt_here(*zygote_, child_spec(), std::move(forked), child.sandbox, child.failure));
    return child;
  }

  // All that it writes, then its end.
  std::string output_of(Child child) {
    if (!child.sandbox) return "failure: " + child.failure;
    std::string text;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(child.output.get(), buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(got));
    }
    report_ = wait(*child.sandbox);
    on_loop([&] { child.sandbox.reset(); });
    return text;
  }

  // Of one whose verbs begin with "after": what the others do once it has its new root.
  std::string output_after_reroot(Child child) {
    if (!child.sandbox) return "failure: " + child.failure;
    char byte[16];
    EXPECT_GT(::read(child.output.get(), byte, sizeof byte), 0);
    loop_->run_blocking(reroot_here(*child.sandbox, child_spec()));
    on_loop([&] { child.sandbox->signal(SIGUSR1); });
    return output_of(std::move(child));
  }

  std::unique_ptr<Sandbox> zygote_;
  UniqueFd channel_;
  ExitReport report_;
  Network network_ = Network::None;
};

TEST_F(ZygoteTest, ItsContainersAreSandboxesOfTheirOwn) {
  start_zygote({"pids"});
  EXPECT_EQ(output_of(fork()), "2\n");  // init and itself
  EXPECT_EQ(report_.exit_code, 0);
  EXPECT_EQ(report_.signal, 0);
}

TEST_F(ZygoteTest, TheExitOfAContainerIsReportedAsThatOfAnyOther) {
  start_zygote({"exit", "7"});
  output_of(fork());
  EXPECT_EQ(report_.exit_code, 7);
  end(std::move(zygote_));
  start_zygote({"die", "6"});
  output_of(fork());
  EXPECT_EQ(report_.signal, SIGABRT);
}

TEST_F(ZygoteTest, AContainerHasItsOwnDescriptorsAndNoOthers) {
  start_zygote({"fds"});
  EXPECT_EQ(output_of(fork()), "0 1 2 3 4 \n");
}

TEST_F(ZygoteTest, AContainerGetsANewRootAndKeepsProcDevAndItsHostUser) {
  start_zygote(
      {"after",
       "pids",
       "--",
       "write",
       "/proc/sys/net/ipv4/ip_forward",
       "1",
       "--",
       "write",
       "/dev/null",
       "x",
       "--",
       "read",
       "/proc/1/environ",
       "--",
       "write",
       "/new",
       "x",
       "--",
       "owner",
       "/new",
       "--",
       "id"});
  EXPECT_EQ(output_after_reroot(fork()), "2\nEACCES\nok\nEACCES\nok\n0:0 644\n0:0\n");
}

// What neither a zygote nor what it forks may do.
std::vector<std::string> forbidden() {
  std::vector<std::string> calls = kForbidden;
  calls.insert(calls.end(), {"clone_newnet", "clone_zygote", "netfilter", "chroot", "setuid", "new_filter"});
  return calls;
}

const std::vector<std::string> kNothingButCalls = forbidden();

std::vector<std::string> crossed(const std::string& output, std::size_t& count) {
  std::vector<std::string> found;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line); ++count) {
    if (line.ends_with(" ok")) found.push_back(line);
  }
  return found;
}

TEST_F(ZygoteTest, ItsContainersMakeNoPrivilegedCall) {
  std::vector<std::string> verbs = {"after", "attempts"};
  verbs.insert(verbs.end(), kNothingButCalls.begin(), kNothingButCalls.end());
  start_zygote(verbs);
  std::size_t count = 0;
  const std::string output = output_after_reroot(fork());
  EXPECT_EQ(crossed(output, count), std::vector<std::string>({"new_filter ok"}));  // as anybody may
  EXPECT_EQ(count, kNothingButCalls.size()) << output;
}

TEST_F(ZygoteTest, ItselfMayMakeContainersAndNothingElse) {
  std::vector<std::string> argv = {"attempts"};
  argv.insert(argv.end(), kNothingButCalls.begin(), kNothingButCalls.end());
  Spec spec = probe(argv);
  spec.profile = Profile::Zygote;
  std::size_t count = 0;
  const std::string output = run(spec).output;
  EXPECT_EQ(crossed(output, count), std::vector<std::string>({"clone_zygote ok", "new_filter ok"}));
  EXPECT_EQ(count, kNothingButCalls.size()) << output;
}

TEST_F(ZygoteTest, TheNamespacesThatItMayMakeAreCounted) {
  Spec spec = probe({"read", "/proc/sys/user/max_net_namespaces"});
  spec.profile = Profile::Zygote;
  EXPECT_EQ(run(spec).output, "1024\n");
  spec.name += "-user";
  spec.argv.back() = "/proc/sys/user/max_user_namespaces";
  EXPECT_EQ(run(spec).output, "0\n");
}

TEST_F(ZygoteTest, AContainerHasNoCapabilityLeftAndBothFilters) {
  start_zygote({"read", "/proc/self/status"});
  const std::string status = output_of(fork());
  for (const char* line :
       {"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp_filters:\t2"}) {
    EXPECT_NE(status.find(line), std::string::npos) << line << "\n" << status;
  }
}

TEST_F(ZygoteTest, EachContainerHasAnAddressOfItsOwn) {
  start_zygote({"address", "eth0"});
  Child one = fork(), two = fork();
  ASSERT_TRUE(one.sandbox && two.sandbox) << one.failure << two.failure;
  const std::string first = one.sandbox->address(), second = two.sandbox->address();
  EXPECT_NE(first, second);
  EXPECT_EQ(output_of(std::move(one)), first + "\n");
  EXPECT_EQ(output_of(std::move(two)), second + "\n");
}

TEST_F(ZygoteTest, AContainersPidIsNotItsZygotesBecauseLibrariesTellByItThatTheyWereForked) {
  start_zygote({"pid"});
  EXPECT_NE(output_of(fork()), "2\n");  // its zygote's
}

TEST_F(ZygoteTest, ContainersGoOnWithoutTheirZygotesProcess) {
  start_zygote({"after", "print", "alive"});
  Child child = fork();
  ASSERT_TRUE(child.sandbox) << child.failure;
  channel_.reset();  // it ends
  EXPECT_EQ(output_after_reroot(std::move(child)), "alive\n");
  EXPECT_EQ(wait(*zygote_).exit_code, 0);  // after its last container
}

TEST_F(ZygoteTest, ContainersEndWithTheirZygotesSandbox) {
  start_zygote({"wait"});
  Child child = fork();
  ASSERT_TRUE(child.sandbox) << child.failure;
  end(std::move(zygote_));
  EXPECT_EQ(wait(*child.sandbox).signal, SIGKILL);
  on_loop([&] { child.sandbox.reset(); });
}

TEST_F(ZygoteTest, AProcessThatIsNoForkOfTheZygotesIsNotAdopted) {
  start_zygote({"own"});
  Child child = fork();
  EXPECT_FALSE(child.sandbox);
  EXPECT_NE(child.failure.find("not the first process of a pid namespace"), std::string::npos) << child.failure;
}

TEST_F(ZygoteTest, AnothersContainerIsNotAdopted) {
  start_zygote({"wait"});
  auto first = std::move(zygote_);
  UniqueFd first_channel = std::move(channel_);
  start_zygote({"wait"});
  std::swap(first_channel, channel_);
  Child child;
  Forked forked = order(child);  // of the first
  loop_->run_blocking(adopt_here(*zygote_, child_spec(), std::move(forked), child.sandbox, child.failure));
  EXPECT_FALSE(child.sandbox);
  EXPECT_NE(child.failure.find("no child of its own"), std::string::npos) << child.failure;
  end(std::move(first));
}

TEST_F(ZygoteTest, AContainerIsAdoptedOnce) {
  start_zygote({"wait"});
  Child child, again;
  Forked forked = order(child);
  Forked copy{.process = UniqueFd(::dup(forked.process.get())), .gate = UniqueFd(::dup(forked.gate.get()))};
  loop_->run_blocking(adopt_here(*zygote_, child_spec(), std::move(forked), child.sandbox, child.failure));
  ASSERT_TRUE(child.sandbox) << child.failure;
  loop_->run_blocking(adopt_here(*zygote_, child_spec(), std::move(copy), again.sandbox, again.failure));
  EXPECT_NE(again.failure.find("is a sandbox already"), std::string::npos) << again.failure;
  end(std::move(child.sandbox));
}

TEST_F(ZygoteTest, AnOrdinarySandboxAdoptsNothing) {
  start_zygote({"wait"});
  Child child;
  Forked forked = order(child);
  auto other = start(probe({"wait"}));
  loop_->run_blocking(adopt_here(*other, child_spec(), std::move(forked), child.sandbox, child.failure));
  EXPECT_FALSE(child.sandbox);
  end(std::move(other));
}

}  // namespace
}  // namespace bimodal::sandbox

// A launcher of its own for each test, with a tiny image to run: one layer that holds /bin/probe and a few /etc files.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/loop.h"
#include "sandbox/launcher.h"

namespace bimodal::sandbox {

// What became of one run of the probe.
struct Outcome {
  std::optional<Error> failure;  // it did not start
  std::string output;            // stdout and stderr, at most a pipe's worth
  ExitReport report;
  std::string address;
};

// What no sandbox may do, whatever its profile: names of testing/probe_calls.h.
inline const std::vector<std::string> kForbidden = {
    "mount",
    "remount",
    "umount",
    "fsopen",
    "open_tree",
    "pivot_root",
    "unshare",
    "setns",
    "clone_newuser",
    "clone_newns",
    "clone3",
    "ptrace",
    "process_vm_readv",
    "init_memory",
    "keyctl",
    "add_key",
    "bpf",
    "perf_event_open",
    "io_uring_setup",
    "userfaultfd",
    "kexec_load",
    "init_module",
    "finit_module",
    "open_by_handle_at",
    "mknod_device",
    "swapon",
    "reboot",
    "clock_settime",
    "acct",
    "quotactl",
    "syslog",
    "sethostname",
    "vsock",
    "packet",
    "raw"};

class SandboxTest : public ::testing::Test {
 public:
  // Whether the tests run as an ordinary user.
  static bool rootless();

 protected:
  void SetUp() override;
  void TearDown() override;  // also checks that nothing is left of any sandbox

  // A spec that runs `probe argv…`, with an upper directory of its own.
  Spec probe(std::vector<std::string> argv);
  // Starts it, waits for its end.
  Outcome run(Spec spec);
  Outcome run_probe(std::vector<std::string> argv) { return run(probe(std::move(argv))); }

  // Starts it and returns when the probe has printed "waiting".
  std::unique_ptr<Sandbox> start(Spec spec);
  ExitReport wait(Sandbox& sandbox);
  // Runs `action` on the loop, where sandboxes live.
  void on_loop(std::function<void()> action);
  void end(std::unique_ptr<Sandbox> sandbox);  // kills, waits, destroys

  void open_launcher();
  void close_launcher();
  // Ends the launcher and connects a new one, or the given one, to the same home.
  void restart_launcher();
  void restart_launcher_with(LauncherProcess next);

  std::filesystem::path home_;
  std::filesystem::path layer_;
  int launcher_pid_ = -1;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Launcher> launcher_;

 private:
  void connect(LauncherProcess process);
  int made_ = 0;
};

}  // namespace bimodal::sandbox

// Starts sandboxes: the daemon's end of the launcher process.
//
// fork_launcher() must run before any thread exists. The launcher
// process is small and single-threaded, keeps the privilege and does the cloning; the daemon asks over a socketpair. It
// dies with the daemon, and so do its sandboxes.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/deadline.h"
#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace bimodal::sandbox {

enum class Profile {
  Container,  // user code: no capabilities, full seccomp list
  Build,      // image steps: the capabilities that apt and pip need inside the sandbox, nothing of the daemon's
  Zygote,     // code of an image that forks containers (Sandbox::adopt()): may clone into all new namespaces at once
};

enum class Network {
  None,    // loopback and a dummy eth0 without a way out
  Egress,  // eth0 with IPv4, masqueraded; no way to the host's own services
};

struct Limits {
  std::int64_t memory_bytes = 0;  // 0: none
  int cpu_milli = 0;              // quota in thousandths of a core, 0: none
  int pids = 4096;
};

struct Bind {
  std::filesystem::path source;  // on the host
  std::string target;            // absolute, inside; made when missing
  bool read_only = true;
};

// A directory of files that is seen with the sandbox's own changes.
struct VolumeMount {
  std::filesystem::path lower;  // what is there at first; never written
  // Directory for the changes; made when missing. Its overlay's work directory is `upper`.work beside it. Whoever
  // mounts it keeps and removes both, also after the sandbox's end.
  std::filesystem::path upper;
  std::string target;  // absolute, inside; made when missing
  bool read_only = false;
};

struct PassedFd {
  int fd;      // in the daemon; stays open there
  int number;  // inside: 0, 1, 2, wire::kListenFd, …
};

struct Spec {
  std::string name;  // task or build id; plain, and unlike that of any live sandbox
  std::string hostname = "modal";
  std::vector<std::filesystem::path> layers;  // read-only, lowest first, at least one
  // Directory for this sandbox's changes; made when missing. Its overlay's work directory is `upper`.work beside it.
  // Never synced: who keeps it calls syncfs(2).
  std::filesystem::path upper;
  bool keep_upper = false;  // else removed after the exit
  std::vector<Bind> binds;
  std::vector<VolumeMount> volumes;
  std::vector<std::string> argv;           // argv[0] is looked up on env's PATH inside
  std::map<std::string, std::string> env;  // the whole environment
  std::string cwd = "/";
  std::string user;            // "", "name", "uid" or "uid:gid" inside; empty: root inside
  std::uint32_t uid_base = 0;  // first host uid of the sandbox's own range of 65,536; 0: chosen by the launcher
  Profile profile = Profile::Container;
  Network network = Network::None;
  Limits limits;
  std::vector<PassedFd> fds;
};

// A further process in a running sandbox: behind the same barriers and within the same limits, gone with it at the
// latest.
struct ExecSpec {
  struct Terminal {
    int rows = 24, columns = 80;
  };
  std::vector<std::string> argv;           // argv[0] is looked up on env's PATH inside
  std::map<std::string, std::string> env;  // the whole environment
  std::string cwd = "/";
  std::string user;                  // as in Spec
  std::optional<Terminal> terminal;  // a new terminal of the sandbox's own is its input and output
  std::vector<PassedFd> fds;         // without a terminal: 0, 1 and 2
};

struct ExitReport {
  int exit_code = -1;          // when it exited by itself
  int signal = 0;              // else the signal that ended it
  bool out_of_memory = false;  // the kernel killed something inside for want of memory
};

// What a zygote's process has forked (wire/zygote.h).
struct Forked {
  UniqueFd process;  // its pidfd
  UniqueFd gate;     // the other end of where it waits
};

class Exec;  // exec.h

// A started sandbox. Destroying it kills what still runs. Loop-bound, like its Launcher.
class Sandbox {
 public:
  static constexpr std::size_t kMaxConnecting = 1024;
  static constexpr std::size_t kMaxExecs = 64;

  virtual ~Sandbox() = default;
  virtual int pid() const = 0;                     // of the sandbox's first process, in the daemon's namespace
  virtual const std::string& address() const = 0;  // IPv4 of eth0
  virtual void signal(int number) = 0;             // to the user's process (not to its init)
  virtual void kill() = 0;                         // SIGKILL to everything inside
  // A TCP connection to that port of eth0, made inside its network; nobody inside holds its descriptor. Unavailable
  // when nobody listens there; at most kMaxConnecting wait, more fail with ResourceExhausted.
  virtual Task<Result<UniqueFd>> connect(std::uint16_t port, Deadline deadline);
  virtual Task<ExitReport> wait() = 0;  // until every process and mount is gone; callable many times
  // Completes when the process has been exec'ed; NotFound when there is no such program or user, ResourceExhausted
  // beyond kMaxExecs that run at once.
  virtual Task<Result<std::unique_ptr<Exec>>> exec(ExecSpec spec);
  // Replaces the root filesystem under the running processes by the layers, upper directory and binds of `spec`; the
  // rest of it doesn't count. Their working directories stay where they are. The new upper directory goes with the
  // sandbox, as the old one does. Only once; after a failure the sandbox is good for nothing but kill().
  virtual Task<Result<void>> reroot(Spec spec) = 0;
  // Of a sandbox of Profile::Zygote: makes what its process has forked a sandbox of its own, with the name, profile
  // (Container), network and limits of `spec`, and the user range and root filesystem of this one until its reroot().
  // Completes when its init runs. It ends with this one at the latest, but not with this one's process.
  virtual Task<Result<std::unique_ptr<Sandbox>>> adopt(Spec spec, Forked forked);
  // Puts `volume` in the place of the one that is mounted at its target. One at a time. FailedPrecondition when a
  // process inside has a file of the old one open, or works in a directory of it: it stays then.
  virtual Task<Result<void>> remount(VolumeMount volume);
};

class Launcher {
 public:
  virtual ~Launcher() = default;
  // Completes when the user's process has been exec'ed. Fails with what went wrong, e.g. "overlay mount: …".
  virtual Task<Result<std::unique_ptr<Sandbox>>> start(Spec spec) = 0;
  // Kills and reaps every sandbox, then ends the launcher process.
  virtual Task<void> close() = 0;
};

struct LauncherConfig {
  std::filesystem::path home;  // BIMODAL_HOME; cgroups and network names derive from it, so that two homes don't meet
  std::filesystem::path init_path;  // the bimodal-init binary
};

// The process, before the daemon has an event loop.
struct LauncherProcess {
  int pid = -1;
  UniqueFd socket;
};
Result<LauncherProcess> fork_launcher(const LauncherConfig& config);

// The daemon's end, on `executor`'s loop. Removes what a killed earlier daemon of the same home left behind
// (cgroups, veths, nftables table, mounts) before it answers the first request.
std::unique_ptr<Launcher> connect_launcher(LauncherProcess process, boost::asio::any_io_executor executor);

// What this host can do, for `bimodal doctor`: one line each with the remedy where something is missing.
struct Finding {
  std::string name;  // "user namespaces"
  bool ok = false;
  std::string detail;     // "cgroup v1 hybrid: memory, cpu, pids"
  std::string remedy;     // empty when ok
  bool essential = true;  // false: web functions answer without it
};
std::vector<Finding> examine_host(const LauncherConfig& config);

}  // namespace bimodal::sandbox

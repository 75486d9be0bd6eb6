// An exec's way into a running sandbox: two children of the launcher.
//
// The attendant stays outside, tells the daemon what becomes of the exec, and kills it when the daemon asks or is gone.
// Its child joins the sandbox's cgroups and namespaces, becomes root of its user namespace, and then bimodal-init,
// which puts up the last barriers as it does for a container's first process. On the way it is never a prey of what
// runs inside: it holds capabilities until the moment that it has none and is bound by the same filter as the others.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "sandbox/launcher.h"
#include "sandbox/user_ranges.h"

namespace bimodal::sandbox {

struct Errand {
  const ExecSpec& spec;
  Profile profile = Profile::Container;
  Limits limits;
  Privilege privilege = Privilege::Root;
  std::vector<std::filesystem::path> cgroups;  // to join; empty with cgroup_to_be_born_in
  int cgroup_to_be_born_in = -1;
  int user_namespace = -1;
  int init = -1;         // pidfd of the sandbox's init
  int program = -1;      // bimodal-init
  int filter = -1;       // seccomp program
  int control = -1;      // where the daemon listens
  std::vector<int> fds;  // those of ExecSpec::fds, in order
};

// What the attendant says on `control`, a packet each: the first byte is one of these. Anything that the daemon sends,
// and the end of its side, means: kill it.
enum class ExecMessage : char {
  Started = 'S',
  Failed = 'F',    // then a byte of Code, and text; the last message
  Terminal = 'T',  // with the terminal's other end (kTerminalMessage); before Started
  Ended = 'E',     // then four bytes: the status as waitpid(2) gives it; the last message
};

std::string failed_exec(const Error& why);  // the packet of Failed

// In the attendant: never returns.
[[noreturn]] void attend(const Errand& errand);

}  // namespace bimodal::sandbox

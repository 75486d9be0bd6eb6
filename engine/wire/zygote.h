// How a container is made by a fork: what a zygote, a process that has loaded what every container of its image needs,
// does inside when it is asked for one. Shared with the runner's extension module.
//
//   daemon    a packet "fork" with the descriptors of ForkOrder, in that order
//   zygote    clones a process into new namespaces, which waits at the gate; answers "forked" with its pidfd
//   launcher  moves that process into cgroups of its own, gives it /proc, /dev and a network, and sends the packet
//             "open" with the descriptors of Gate through the gate
//   process   forks the container and becomes its init, the program of Gate, which reports to the launcher
//
// Nobody outside trusts any of it: what a zygote may do and what it may not is settled by its capabilities and its
// system call filter, and the launcher looks at what it is handed (sandbox/adoption.h).
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/types.h>

#include <cstddef>

namespace bimodal::wire {

inline constexpr int kZygoteFd = 4;     // a zygote's end of its channel (SOCK_SEQPACKET)
inline constexpr int kContainerFd = 4;  // of a container that was forked: its own channel

// The descriptors of an order, as the zygote got them; it closes them afterwards. Its own 0 to 4 are in use.
struct ForkOrder {
  int out = -1, err = -1;  // become 1 and 2
  int listener = -1;       // becomes kListenFd
  int channel = -1;        // becomes kContainerFd
  int gate = -1;           // SOCK_SEQPACKET
};
inline constexpr std::size_t kOrderFds = 5;

struct Gate {
  int program = -1;  // the init binary
  int filter = -1;   // system calls of a container: an array of sock_filter
  int reports = -1;  // init's
};
inline constexpr std::size_t kGateFds = 3;

inline constexpr const char* kAdoptedInit = "bimodal-adopted";  // argv[0] of that init; argv[1]: the container's pid

// The only flags with which a zygote's filter lets clone(2) make namespaces.
inline constexpr unsigned long kForkFlags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                            CLONE_NEWCGROUP | CLONE_PIDFD | static_cast<unsigned long>(SIGCHLD);

inline constexpr int kInContainer = -2;

// Returns the new process's pidfd in the zygote, or -1 with errno. Returns kInContainer in the container, once that is
// let through the gate: with its own descriptors and no others, without capabilities, bound by the container's filter,
// with a pid that isn't the zygote's (libraries tell by it that they were forked). The calling process must have one
// thread; its dead children are reaped by the kernel from now on.
int fork_container(const ForkOrder& order);

}  // namespace bimodal::wire

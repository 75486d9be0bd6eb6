// The launcher process: answers the daemon's requests, one sandbox per id, until the daemon closes or dies.
//
// Single-threaded; waits on descriptors only. What takes long happens in children: setting up in the child that becomes
// the sandbox's init, removing files in a sweeper.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/host.h"

namespace bimodal::sandbox {

class Service {
 public:
  // `socket`: the launcher's end of the socketpair.
  Service(Host host, UniqueFd socket);
  ~Service();

  // Returns when the daemon is gone or asked to close, and every sandbox and what prepare_host() made are gone too.
  Result<void> run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bimodal::sandbox

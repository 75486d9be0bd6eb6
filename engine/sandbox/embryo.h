// A sandbox without a Spec: a child with its namespaces, cgroups and network in place, waiting to be called.
//
// Making one costs up to tens of milliseconds, because the kernel waits for grace periods when a process joins a cgroup
// or gets a network. The launcher keeps some ready (Nursery), so that a start doesn't wait for that.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/address_pool.h"
#include "sandbox/cgroups.h"
#include "sandbox/launcher.h"
#include "sandbox/network.h"
#include "sandbox/process.h"

namespace bimodal::sandbox {

struct Host;

struct Embryo {
  Process process;
  UniqueFd reports;  // InitReports come from here, failures to come so far among them; non-blocking
  UniqueFd call;
  Process slirp;  // rootless egress only
  std::uint32_t address_index = 0;
  std::vector<std::filesystem::path> cgroups;
};

// eth0's address in the sandbox with that index.
Ipv4 address_of(const Host& host, Network network, std::uint32_t index);

NetworkPlan network_plan(const Host& host, Network network, std::uint32_t index);

// Clones one; it goes on by itself.
Result<Embryo> conceive(Host& host, Network network);

// Gives it its Spec (encoded, in the file `spec`). Unavailable when it has died meanwhile.
Result<void> call(Embryo& embryo, int spec, int user_namespace, std::uint32_t uid_base, std::span<const UniqueFd> fds);

// Kills it and takes its traces back: for one that was never called.
void abandon(Host& host, Embryo embryo);

// Ready embryos, per kind of network. In the launcher only.
class Nursery {
 public:
  // A ready one; std::nullopt when there is none.
  std::optional<Embryo> take(Network network);
  // Makes up to kReady of that kind; failures show when a start is asked for.
  void refill(Host& host, Network network);
  void clear(Host& host);

 private:
  static constexpr std::size_t kReady = 2;
  std::deque<Embryo>& of(Network network) { return ready_[static_cast<std::size_t>(network)]; }
  std::array<std::deque<Embryo>, 2> ready_;
};

}  // namespace bimodal::sandbox

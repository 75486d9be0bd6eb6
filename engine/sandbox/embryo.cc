#include "sandbox/embryo.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/birth.h"
#include "sandbox/host.h"
#include "sandbox/packet.h"
#include "sandbox/slirp.h"

namespace bimodal::sandbox {

namespace {

struct Wires {
  UniqueFd reports, report_writer, call, called;
};

Result<Wires> make_wires() {
  int pipe[2], pair[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return errno_error(errno, "pipe2");
  Wires wires{.reports = UniqueFd(pipe[0]), .report_writer = UniqueFd(pipe[1])};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return errno_error(errno, "socketpair");
  wires.call.reset(pair[0]);
  wires.called.reset(pair[1]);
  ::fcntl(wires.reports.get(), F_SETFL, O_NONBLOCK);
  return wires;
}

Result<void> launch(Host& host, Network network, Embryo& embryo) {
  TRY(embryo.cgroups, host.cgroups.make(fmt::to_string(embryo.address_index)));
  TRY(UniqueFd cgroup, host.cgroups.open_for_clone(embryo.cgroups));
  TRY(Wires wires, make_wires());
  Birth birth{
      .privilege = host.privilege,
      .network = network_plan(host, network, embryo.address_index),
      .scratch = host.records.directory(),
      .init = host.init.get(),
      .container_filter = host.container_filter.get(),
      .build_filter = host.build_filter.get(),
      .zygote_filter = host.zygote_filter.get(),
      .reports = wires.report_writer.get(),
      .call = wires.called.get(),
  };
  if (!cgroup) birth.cgroups = embryo.cgroups;
  bool slirp = host.privilege == Privilege::Rootless && network == Network::Egress;
  SlirpPipes pipes;
  if (slirp) {
    TRY(pipes, make_slirp_pipes());
  }
  if (slirp) birth.network.resolver = host.addresses.address(kSlirpResolver);
  birth.network.slirp_made = pipes.inner.made.get();
  birth.network.slirp_ready = pipes.inner.ready.get();
  TRY(embryo.process, clone_process(birth_namespaces(), cgroup.get()));
  if (embryo.process.pid == 0) be_born(birth);
  if (slirp) {
    TRY(embryo.slirp, start_slirp(embryo.process.pid, host.addresses.network(), pipes));
  }
  embryo.reports = std::move(wires.reports);
  embryo.call = std::move(wires.call);
  return {};
}

}  // namespace

// slirp4netns gives every sandbox the same one, in a namespace of its own.
Ipv4 address_of(const Host& host, Network network, std::uint32_t index) {
  bool slirp = host.privilege == Privilege::Rootless && network == Network::Egress;
  return host.addresses.address(slirp ? kSlirpAddress : index);
}

NetworkPlan network_plan(const Host& host, Network network, std::uint32_t index) {
  return {
      .network = network,
      .address = address_of(host, network, index),
      .gateway = host.addresses.gateway(),
      .host_name = fmt::format("{}{}", host.tag.interface_prefix(), index),
      .mtu = host.mtu};
}

Result<Embryo> conceive(Host& host, Network network) {
  Embryo embryo;
  TRY(embryo.address_index, host.addresses.take());
  auto launched = launch(host, network, embryo);
  if (launched) return embryo;
  abandon(host, std::move(embryo));
  return tl::unexpected<Error>(launched.error());
}

Result<void> call(Embryo& embryo, int spec, int user_namespace, std::uint32_t uid_base, std::span<const UniqueFd> fds) {
  std::vector<int> sent = {spec, user_namespace};
  for (const auto& fd : fds) sent.push_back(fd.get());
  return send_packet(embryo.call.get(), encode_call(uid_base), sent);
}

void abandon(Host& host, Embryo embryo) {
  if (embryo.process.pid > 0) {
    ::kill(embryo.process.pid, SIGKILL);
    ::waitpid(embryo.process.pid, nullptr, 0);
  }
  end_slirp(embryo.slirp);
  for (const auto& cgroup : embryo.cgroups) remove_cgroup(cgroup);
  host.addresses.give_back(embryo.address_index);
}

std::optional<Embryo> Nursery::take(Network network) {
  auto& ready = of(network);
  if (ready.empty()) return std::nullopt;
  Embryo taken = std::move(ready.front());
  ready.pop_front();
  return taken;
}

void Nursery::refill(Host& host, Network network) {
  while (of(network).size() < kReady) {
    auto made = conceive(host, network);
    if (!made) return;
    of(network).push_back(std::move(*made));
  }
}

void Nursery::clear(Host& host) {
  for (auto& ready : ready_) {
    while (!ready.empty()) {
      abandon(host, std::move(ready.front()));
      ready.pop_front();
    }
  }
}

}  // namespace bimodal::sandbox

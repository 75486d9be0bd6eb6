// One sandbox as the launcher sees it, from the request until its last trace is removed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/embryo.h"
#include "sandbox/host.h"
#include "sandbox/init_plan.h"
#include "sandbox/process.h"
#include "sandbox/protocol.h"

namespace bimodal::sandbox {

class LiveSandbox {
 public:
  // Gives the spec to a child that becomes the sandbox's init; it goes on by itself. `fds`: the encoded spec, then
  // Spec::fds.
  static Result<std::unique_ptr<LiveSandbox>> start(Host& host, Spec spec, std::span<const UniqueFd> fds);
  // Takes in what the process of `zygote` has forked: `pid`, which forked_process() has found good (adoption.h). `fds`:
  // the encoded spec, then those of Forked.
  static Result<std::unique_ptr<LiveSandbox>> adopt(
      Host& host, Spec spec, const LiveSandbox& zygote, pid_t pid, std::span<UniqueFd> fds);
  ~LiveSandbox();  // gives ids back

  int reports() const { return embryo_.reports.get(); }
  int init() const { return embryo_.process.pidfd.get(); }
  int pid() const { return embryo_.process.pid; }
  int sweeper() const { return sweeper_.pidfd.get(); }
  int attendant() const { return attendants_.empty() ? -1 : attendants_.back().pidfd.get(); }  // the latest
  int slirp() const { return embryo_.slirp.pidfd.get(); }                                      // -1: has none

  // Takes in what init wrote. True when the sandbox has just started.
  bool read_reports();
  Network network() const { return spec_.network; }
  Reply started() const;  // without the id

  // Begins to give the sandbox the root of `spec`, in a child: rerooter() becomes readable.
  Result<void> reroot(Spec spec);
  int rerooter() const { return rerooter_.pidfd.get(); }
  // The same to mount another state of the only volume of `spec`.
  Result<void> remount(Spec spec);
  // When rerooter() is readable. What became of it, without the id.
  Reply finish_reroot();

  // Begins an exec in an attendant (errand.h), which answers on `fds[1]`: attendants() becomes readable when it ends.
  // `fds`: the encoded spec, the socket, then ExecSpec::fds. ResourceExhausted when kMaxExecs run.
  Result<int> exec(const ExecSpec& spec, std::span<const UniqueFd> fds);  // the attendant's pidfd
  void reap_attendants();

  void signal(int number);
  Result<UniqueFd> connect(std::uint16_t port) const;  // see inside_connection.h
  // When init() is readable: takes in its last reports, reaps it and starts the sweeper (sweeper() stays -1 when there
  // is nothing to wait for). True as for read_reports().
  bool reap();
  // When sweeper() is readable. The reply that ends the sandbox, without the id.
  Reply finish();

 private:
  LiveSandbox(Host& host, Spec spec) : host_(host), spec_(std::move(spec)) {}
  Result<void> launch(std::span<const UniqueFd> fds);
  Result<void> take_in(const LiveSandbox& zygote, pid_t pid, std::span<UniqueFd> fds);
  Result<void> limit_and_furnish(pid_t pid, std::span<UniqueFd> fds);
  Result<void> furnish(int process, int gate);
  Result<void> call_embryo(std::span<const UniqueFd> fds);
  void note(const InitReport& report, std::string text);
  void sweep_all() const;
  enum class Change { Root, Volume };
  Result<void> begin(Change change, const Spec& spec);
  [[noreturn]] void be_rerooter(Change change, const Spec& spec, int user_namespace, int outcome) const;

  Host& host_;
  Spec spec_;
  std::optional<std::uint32_t> uid_base_;
  bool recorded_ = false;
  bool called_ = false;
  bool adopted_ = false;  // no child of the launcher's
  Embryo embryo_;
  Process sweeper_, rerooter_;
  std::vector<Process> attendants_;
  UniqueFd reroot_outcome_;                            // the child's error message, if any
  std::optional<std::filesystem::path> second_upper_;  // of the new root
  bool started_ = false;
  std::optional<Error> failure_;
  bool out_of_memory_ = false;
  std::optional<int> status_;  // of the user's process, as waitpid(2) gives it
};

}  // namespace bimodal::sandbox

// What a container consists of on this host, and how it begins: run directory, output, sandbox.
//
// The same for a container that is started for a task and for one that is kept in reserve (standby.h). Loop-bound.
#pragma once

#include <memory>
#include <string>

#include "async/task.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "runtime/containers.h"
#include "runtime/pipe.h"
#include "runtime/run_directory.h"
#include "runtime/volume_mounts.h"
#include "sandbox/launcher.h"
#include "wire/frame.h"

namespace bimodal::runtime {

inline constexpr int kStandbyFd = wire::kListenFd + 1;  // of a container in reserve: its end of the daemon's socket

struct Body {
  std::unique_ptr<RunDirectory> directory;
  UniqueFd out, err;  // the ends to read
  UniqueFd runner;    // the first connection to its listening socket: its runner greets there
  std::unique_ptr<sandbox::Sandbox> sandbox;
  std::shared_ptr<VolumeMounts> volumes;
  std::shared_ptr<void> origin;  // of one that was forked: to be kept until its sandbox is gone (zygote.h)
};

struct Wires {
  Pipe out, err;
  UniqueFd runner;  // as in Body
};
Result<Wires> make_wires(const RunDirectory& directory);

Body body_of(Wires wires, std::unique_ptr<RunDirectory> directory, std::unique_ptr<sandbox::Sandbox> sandbox);

// Everything of the sandbox but its descriptors and its volumes. `directory` outlives it.
sandbox::Spec container_spec(
    const ContainerPlan& plan, const model::FunctionVersion& version, const std::string& task_id,
    const RunDirectory& directory, const ContainersConfig& config);

// What a container in reserve is told when it is to become that one (bimodal_runner/standby.py): u32 size, working
// directory, NAME=VALUE…, separated by NUL.
inline constexpr std::size_t kTaskHead = 4;
std::string task_of(const sandbox::Spec& spec);

// Makes it the sandbox of a build's step.
void set_build_step(const BuildStep& step, sandbox::Spec& spec);

// Environment, working directory and user of a command in that container.
sandbox::ExecSpec command_of(const ContainerPlan& plan, const std::string& task_id);

// Starts it with its pipes and the directory's listening socket; `channel`, if any, arrives as kStandbyFd.
Task<Result<Body>> start_body(
    sandbox::Launcher& sandboxes, sandbox::Spec spec, std::unique_ptr<RunDirectory> directory, UniqueFd channel);

// Equal for two plans of one version when containers started by either, with those task ids, would be the same but for
// their names. 64 hex digits, of which no secret can be told.
std::string fingerprint_of(const ContainerPlan& plan, const std::string& task_id);

// 0: none.
std::int64_t memory_limit_of(const model::FunctionVersion& version, const ContainersConfig& config);

}  // namespace bimodal::runtime

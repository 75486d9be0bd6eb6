#include "runtime/body.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/ids.h"

namespace bimodal::runtime {

namespace {

constexpr const char* kInsideApi = "/__modal/api";
constexpr std::chrono::milliseconds kMostBetweenHeartbeats = std::chrono::seconds(30);

Result<UniqueFd> connect_to(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX};
  if (path.size() >= sizeof address.sun_path) return error(Code::Internal, "{} is too long for a socket", path);
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno_error(errno, "socket");
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(socket.get(), to, sizeof address) != 0) return errno_error(errno, "connect to " + path);
  return socket;
}

std::map<std::string, std::string> common_environment(const ContainerPlan& plan, const std::string& task_id) {
  std::map<std::string, std::string> env = plan.env;
  env["MODAL_TASK_ID"] = task_id;
  env["MODAL_SERVER_URL"] = std::string("unix://") + kInsideApi + "/api.sock";
  return env;
}

}  // namespace

sandbox::ExecSpec command_of(const ContainerPlan& plan, const std::string& task_id) {
  sandbox::ExecSpec spec;
  spec.env = common_environment(plan, task_id);
  spec.cwd = plan.workdir;
  spec.user = plan.user;
  return spec;
}

sandbox::Spec container_spec(
    const ContainerPlan& plan, const model::FunctionVersion& version, const std::string& task_id,
    const RunDirectory& directory, const ContainersConfig& config) {
  sandbox::Spec spec;
  spec.name = task_id;
  spec.layers = plan.layers;
  spec.upper = directory.upper();
  spec.binds = {{.source = directory.api(), .target = kInsideApi, .read_only = true}};
  spec.argv = {plan.python, "-u", "-m", "modal._container_entrypoint"};
  spec.env = common_environment(plan, task_id);
  spec.env["MODAL_CONTAINER_ARGUMENTS_PATH"] = std::string(kInsideApi) + "/arguments.bin";
  spec.env["BIMODAL_LISTEN_FD"] = std::to_string(wire::kListenFd);
  // Of a client whose clock the runner doesn't replace. Two are sent before one that sends none is taken to hang.
  const auto heartbeat = std::min<std::chrono::milliseconds>(config.heartbeat_limit / 2, kMostBetweenHeartbeats);
  spec.env.try_emplace("MODAL_HEARTBEAT_INTERVAL", fmt::format("{:.3f}", static_cast<double>(heartbeat.count()) / 1e3));
  spec.env["BIMODAL_CALLS"] = "frames";  // the API socket takes them (rpc/frame_format.h)
  spec.cwd = plan.workdir;
  spec.user = plan.user;
  spec.network = version.block_network ? sandbox::Network::None : sandbox::Network::Egress;
  spec.limits.memory_bytes = memory_limit_of(version, config);
  spec.limits.cpu_milli = version.resources.cpu_milli_max;
  return spec;
}

std::string task_of(const sandbox::Spec& spec) {
  std::string body = spec.cwd;
  for (const auto& [name, value] : spec.env) body.append(1, '\0').append(name).append(1, '=').append(value);
  std::string task;
  for (int shift = 0; shift < 32; shift += 8) task += static_cast<char>(body.size() >> shift & 0xFF);
  return task + body;
}

// What the interpreter keeps of the modules that it imports is no change of the function's. A file of it would outlast
// a mounted module of which it can't tell a later version.
void set_build_step(const BuildStep& step, sandbox::Spec& spec) {
  spec.upper = step.upper;
  spec.keep_upper = true;
  spec.profile = sandbox::Profile::Build;
  spec.env.try_emplace("PYTHONDONTWRITEBYTECODE", "1");
}

Result<Wires> make_wires(const RunDirectory& directory) {
  Wires wires;
  TRY(wires.out, make_pipe());
  TRY(wires.err, make_pipe());
  // Before the container runs, so that it is there when the runner looks for it.
  TRY(wires.runner, connect_to(directory.web_socket()));
  return wires;
}

Body body_of(Wires wires, std::unique_ptr<RunDirectory> directory, std::unique_ptr<sandbox::Sandbox> sandbox) {
  directory->web_listener.reset();
  Body body;
  body.directory = std::move(directory);
  body.out = std::move(wires.out.read_end);
  body.err = std::move(wires.err.read_end);
  body.runner = std::move(wires.runner);
  body.sandbox = std::move(sandbox);
  return body;
}

Task<Result<Body>> start_body(
    sandbox::Launcher& sandboxes, sandbox::Spec spec, std::unique_ptr<RunDirectory> directory, UniqueFd channel) {
  CO_TRY(Wires wires, make_wires(*directory));
  UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  spec.fds = {
      {null.get(), 0},
      {wires.out.write_end.get(), 1},
      {wires.err.write_end.get(), 2},
      {directory->web_listener.get(), wire::kListenFd}};
  if (channel) spec.fds.push_back({channel.get(), kStandbyFd});
  CO_TRY(auto sandbox, co_await sandboxes.start(std::move(spec)));
  co_return body_of(std::move(wires), std::move(directory), std::move(sandbox));
}

std::string fingerprint_of(const ContainerPlan& plan, const std::string& task_id) {
  std::string facts, arguments = plan.arguments;
  const std::size_t name = arguments.find(task_id);
  if (name != std::string::npos) arguments.erase(name, task_id.size());
  auto add = [&facts](std::string_view fact) { facts.append(std::to_string(fact.size())).append(1, ':').append(fact); };
  add(plan.workdir);
  add(plan.user);
  add(plan.python);
  add(arguments);
  for (const auto& layer : plan.layers) add(layer.native());
  for (const auto& [name, value] : plan.env) add(name), add(value);
  return sha256_hex(facts);
}

std::int64_t memory_limit_of(const model::FunctionVersion& version, const ContainersConfig& config) {
  std::int64_t asked = std::int64_t(version.resources.memory_mb_max) << 20;
  return asked > 0 ? asked : config.default_memory_bytes;
}

}  // namespace bimodal::runtime

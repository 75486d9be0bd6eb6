#include "server/daemon.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "async/blocking_pool.h"
#include "async/pulse.h"
#include "async/scope.h"
#include "base/log.h"
#include "control/control.h"
#include "control/planner.h"
#include "control/registry.h"
#include "control/web_name.h"
#include "image/builder.h"
#include "rpc/host.h"
#include "rpc/tokens.h"
#include "sandbox/cgroups.h"
#include "sandbox/own_namespace.h"
#include "scheduler/functions.h"
#include "scheduler/host_capacity.h"
#include "server/account.h"
#include "server/acme_source.h"
#include "server/adapters.h"
#include "server/admin.h"
#include "server/answers_over.h"
#include "server/api_edge.h"
#include "server/commands.h"
#include "server/host_resources.h"
#include "server/host_room.h"
#include "server/log_route.h"
#include "server/own_metrics.h"
#include "server/pool_metrics.h"
#include "server/secure_web.h"
#include "server/token_commands.h"
#include "server/warmth.h"
#include "store/blobs.h"
#include "store/database.h"
#include "store/freeze.h"
#include "store/logs.h"
#include "store/secret_box.h"

namespace bimodal::server {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kBlockingThreads = 8;
// Releases of the official client that containers can run with.
constexpr std::array<const char*, 7> kClientVersions = {"1.5.4", "1.5.5", "1.6.0", "1.6.1", "1.6.2", "1.6.3", "1.6.4"};
constexpr auto kExitMargin = 5s;     // beyond the exit grace, for containers that are killed at its end
constexpr auto kRpcGrace = 5s;       // for RPCs that change something, at the end
constexpr auto kWarmPatience = 20s;  // for the containers that the daemon before had

std::string host_part(const std::string& address) {
  return address.substr(0, address.rfind(':'));
}

double unix_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// The failure to listen at an address, with the setting that names another.
Error listening(Error failure, std::string_view flag) {
  if (failure.code == Code::AlreadyExists) failure.message += fmt::format(" with {}", flag);
  return failure;
}

}  // namespace

struct Daemon::Parts {
  Parts(Config config, const Token& token, sandbox::LauncherProcess launcher)
      : config(std::move(config)), tokens({token.id, token.secret}), launcher_process(std::move(launcher)) {}

  Result<void> open_store();
  void make_engine();
  void make_host_capacity();
  Result<void> listen_web(std::vector<UniqueFd> inherited);
  Result<void> listen_https(Inherited& inherited);
  void make_control();
  Result<void> listen_api(UniqueFd inherited);
  Result<void> serve_status();
  Result<void> listen_admin(const std::string& inherited);
  void write_metrics(metrics::Page& page) const;
  void start_gateway_loops();
  Task<void> warm_up(std::vector<std::string> function_ids);
  Task<void> warm_up_one(std::shared_ptr<scheduler::Pool> pool);
  Task<void> follow(std::shared_ptr<HandOverChannel> predecessor);
  DaemonInfo info() const;

  Config config;
  rpc::Tokens tokens;
  sandbox::LauncherProcess launcher_process;

  Loop control_loop{"control"};
  BlockingPool pool{kBlockingThreads};
  std::unique_ptr<store::Database> database;
  std::optional<store::SecretBox> secret_box;
  std::unique_ptr<store::Blobs> blobs;
  std::unique_ptr<store::Logs> logs;
  std::optional<LogRoute> log_route;
  std::unique_ptr<sandbox::Launcher> sandboxes;
  std::unique_ptr<image::Builder> builder;
  HostConnections connections;
  BlobDoor blob_door;
  std::optional<control::Context> context;
  std::optional<control::Planner> planner;
  std::unique_ptr<runtime::Containers> containers;
  std::optional<scheduler::HostCapacity> host_capacity;
  std::unique_ptr<scheduler::Functions> functions;
  std::vector<std::unique_ptr<Loop>> gateway_loops;
  bool gateway_loops_run = false;
  std::unique_ptr<AcmeSource> acme;       // null: not wanted
  std::unique_ptr<SecureWeb> secure_web;  // outlives the gateway
  std::unique_ptr<gateway::Gateway> gateway;
  rpc::Service service;
  std::unique_ptr<control::Control> control;
  std::unique_ptr<rpc::Host> host;
  const double started_at = unix_now();
  LoopLag lag;
  HomeSize home_size{config.home};
  std::unique_ptr<Admin> admin;
  Commands commands;
  Scope account_scope{control_loop.executor(), "account"};  // and what is measured now and then
  Scope command_scope{control_loop.executor(), "commands"};
  std::shared_ptr<HandOverChannel> successor;  // has taken over
  bool given = false;                          // nothing of the state is changed
  Scope warming{control_loop.executor(), "first containers"};
  Scope following{control_loop.executor(), "the daemon before"};
  Pulse followed{control_loop.executor()};  // a container is warm, or that daemon has ended
  int to_warm = 0;
  bool follows = false;
};

Result<void> Daemon::Parts::open_store() {
  TRY(database, store::Database::open(config.home / "state.db"));
  TRY(secret_box, store::SecretBox::open(config.home / "keys" / "secrets.key"));
  blobs = std::make_unique<store::Blobs>(config.home / "blobs");
  logs = std::make_unique<store::Logs>(config.home / "logs", config.log_bytes_per_app);
  return {};
}

void Daemon::Parts::make_engine() {
  auto executor = control_loop.executor();
  sandboxes = sandbox::connect_launcher(std::move(launcher_process), executor);
  image::BuilderConfig images{
      .home = config.home,
      .layers_dir = config.layers,
      .runner_dir = config.runner_dir,
      .client_versions = {kClientVersions.begin(), kClientVersions.end()},
      .host_env = environment(),
      .room = [this] { return room_for_build(*functions); },
  };
  builder = image::make_builder(std::move(images), *sandboxes, pool, executor);
  auto publish = [this](std::vector<model::Route> routes) {
    if (acme) acme->own(routes);
    gateway->publish(std::move(routes));
  };
  auto accept = [this](std::vector<model::ProxyToken> tokens) { gateway->publish_tokens(std::move(tokens)); };
  context.emplace(control::Context{
      .executor = executor,
      .pool = pool,
      .database = *database,
      .blobs = *blobs,
      .logs = *logs,
      .secret_box = *secret_box,
      .on_routes_changed = publish,
      .on_proxy_tokens_changed = accept});
  planner.emplace(*context);
  runtime::ContainersConfig settings{
      .home = config.home,
      .exit_grace = config.exit_grace,
      .heartbeat_limit = config.heartbeat_limit,
      .stalled_after = config.stalled_after,
      // Sandbox::reroot() needs root.
      .max_standbys = sandbox::privilege_here() == sandbox::Privilege::Root ? config.standby : 0,
      .standby_ready = config.standby_ready,
      .standby_idle = config.standby_idle,
      .max_commands = config.max_sandboxes};
  log_route.emplace(*logs);
  auto keep = [this](model::LogEntry entry) { log_route->add(std::move(entry)); };
  containers = std::make_unique<runtime::Containers>(executor, *sandboxes, *planner, connections, keep, settings);
  config.pool.exit_grace = config.exit_grace;
  config.pool.drain = config.drain;
  scheduler::PoolLimits limits = config.pool;
  limits.max_starting = most_starts();
  make_host_capacity();
  limits.host = &*host_capacity;
  functions = std::make_unique<scheduler::Functions>(*containers, executor, limits);
}

void Daemon::Parts::make_host_capacity() {
  auto pressure = [least = config.min_available_memory] { return host_pressure(least, "/proc"); };
  auto notice = [this](const model::FunctionVersion& version, const std::string& reason) {
    containers->give_way();
    note_wait_for_room(*log_route, version, reason);
  };
  const auto total = host_amount(config.host_memory, config.cpu_overcommit);
  host_capacity.emplace(control_loop.executor(), total, std::move(pressure), std::move(notice));
}

Result<void> Daemon::Parts::listen_web(std::vector<UniqueFd> inherited) {
  std::vector<Loop*> loops;
  for (int i = 0; i < loop_count(config.gateway_loops); ++i) {
    gateway_loops.push_back(std::make_unique<Loop>(fmt::format("gateway-{}", i)));
    loops.push_back(gateway_loops.back().get());
  }
  gateway::GatewayLimits limits = config.gateway;
  limits.stream_drain = config.drain;
  // The host is made, for good, before anybody is accepted.
  auto adopt = [this](UniqueFd client, std::string from) { host->adopt_client(std::move(client), std::move(from)); };
  set_edge(config, std::move(adopt), limits.edge);
  const bool follows_one = !inherited.empty();
  auto opened = inherited.empty() ? gateway::Gateway::listen(loops, config.web, *functions, blob_door, limits)
                                  : gateway::Gateway::serve(loops, std::move(inherited), *functions, blob_door, limits);
  if (!opened) return tl::unexpected(listening(opened.error(), "--web"));
  gateway = *std::move(opened);
  gateway->expect_answers(follows_one);
  return {};
}

Result<void> Daemon::Parts::listen_https(Inherited& inherited) {
  if (!config.has_https()) return {};
  auto serves = [this](const std::string& name) {
    if (acme && !acme->certificate_for(name).empty()) return false;  // that one is waited for
    return name == "localhost" || name == config.base_domain || name.ends_with("." + config.base_domain) ||
           gateway->serves(name);
  };
  TRY(secure_web, SecureWeb::open(config.tls, config.home, std::move(serves), acme.get()));
  if (acme) {
    auto answer = [this](std::string_view token) { return acme->http_answer(token); };
    gateway->answer_challenges(std::move(answer));
  }
  if (!inherited.ticket_keys.empty()) secure_web->context().tickets().load(inherited.ticket_keys);
  gateway::SecureEntry entry{
      .address = config.tls.address, .sockets = std::move(inherited.https), .context = secure_web->context()};
  auto opened = gateway->open_secure(std::move(entry));
  if (!opened) return tl::unexpected(listening(opened.error(), "--https"));
  account_scope.spawn(secure_web->watch(pool));
  return {};
}

void Daemon::Parts::make_control() {
  context->functions = functions.get();
  context->containers = containers.get();
  context->builder = builder.get();
  context->settings = control::Settings{
      .home = config.home,
      .workspace = config.workspace,
      .base_domain = config.base_domain,
      .web_scheme = secure_web ? "https" : "http",
      .web_host = fmt::format("{}:{}", host_part(secure_web ? config.tls.address : config.web), gateway->port()),
      .web_port = secure_web ? gateway->secure_port() : gateway->port(),
      .edge_api_url = secure_web ? control::web_url("https", api_host(config), gateway->secure_port()) : "",
      .max_inputs = config.max_inputs,
      .scaledown_window = config.scaledown_window,
      .gpu_required = config.gpu_required,
      .unenforced_limits = sandbox::unenforced_limits(config.home),
  };
  context->tokens = &tokens;
  context->end_calls = [this](const std::function<bool(const rpc::Caller&)>& is_meant) {
    if (host) host->end_calls(is_meant);
  };
  if (const auto& text = context->settings.unenforced_limits; !text.empty()) log::warning("{}", text);
  control = std::make_unique<control::Control>(*context, *planner, service);
  blob_door.attach(&control->blob_transfers());
}

Result<void> Daemon::Parts::listen_api(UniqueFd inherited) {
  if (!inherited) {
    auto bound = rpc::Host::bind(config.api);
    if (!bound) return tl::unexpected(listening(bound.error(), "--api"));
    inherited = *std::move(bound);
  }
  warn_of_plain_api(config);
  auto opened = rpc::Host::serve(std::move(inherited), tokens, control_loop.executor(), service);
  if (!opened) return tl::unexpected(opened.error());
  host = *std::move(opened);
  context->settings.api_url = fmt::format("http://127.0.0.1:{}", host->port());
  connections.attach(host.get());
  return {};
}

Result<void> Daemon::Parts::serve_status() {
  TRY(UniqueFd listener, listen_for_account(config.home));
  auto account = [this] {
    const DomainAccount domains{acme.get(), config.base_domain, config.public_addresses};
    return account_of(
        control->registry(), *containers, host_capacity->account(), gateway->summaries(),
        context->settings.unenforced_limits, domains);
  };
  account_scope.spawn(serve_account(std::move(listener), account));
  TRY(UniqueFd command_listener, listen_for_commands(config.home));
  add_token_commands(control->api_tokens(), commands);
  command_scope.spawn(serve_commands(std::move(command_listener), commands, command_scope));
  return {};
}

Result<void> Daemon::Parts::listen_admin(const std::string& inherited) {
  if (config.admin.empty()) return {};
  auto write = [this](metrics::Page& page) { write_metrics(page); };
  auto opened = inherited.empty() ? Admin::listen(control_loop, config.admin, std::move(write))
                                  : Admin::join(control_loop, inherited, std::move(write));
  if (!opened) return tl::unexpected(listening(opened.error(), "--admin"));
  admin = *std::move(opened);
  account_scope.spawn(lag.watch());
  account_scope.spawn(home_size.watch(pool));
  return {};
}

void Daemon::Parts::write_metrics(metrics::Page& page) const {
  gateway->write_metrics(page);
  containers->write_metrics(page);
  write_pool_metrics(functions->loads(), containers->list(), page);
  host->write_metrics(page);
  control->write_metrics(page);
  if (acme) acme->write_metrics(page);
  home_size.write(page);
  lag.write(page);
  write_process_metrics(page, started_at);
}

void Daemon::Parts::start_gateway_loops() {
  if (std::exchange(gateway_loops_run, true)) return;
  for (auto& loop : gateway_loops) loop->start();
}

DaemonInfo Daemon::Parts::info() const {
  return DaemonInfo{
      .pid = ::getpid(),
      .version = std::string(version()),
      .api = fmt::format("{}:{}", host_part(config.api), host->port()),
      .web = fmt::format("{}:{}", host_part(config.web), gateway->port()),
      .base_domain = config.base_domain,
      .started_at = started_at,
      .admin = admin ? fmt::format("{}:{}", host_part(config.admin), admin->port()) : "",
      .https = secure_web ? fmt::format("{}:{}", host_part(config.tls.address), gateway->secure_port()) : "",
      .authority_file = secure_web ? secure_web->authority_file() : "",
  };
}

Daemon::Daemon(Config config, Token token, sandbox::LauncherProcess launcher)
    : parts_(std::make_unique<Parts>(std::move(config), token, std::move(launcher))) {}

Daemon::~Daemon() = default;

Loop& Daemon::control_loop() {
  return parts_->control_loop;
}

Task<Result<void>> Daemon::start(Inherited inherited) {
  auto& parts = *parts_;
  CO_TRY_VOID(parts.open_store());
  parts.make_engine();
  CO_TRY(parts.acme, AcmeSource::make(parts.config.acme, parts.config.home, parts.config.base_domain));
  CO_TRY_VOID(parts.listen_web(std::move(inherited.web)));
  CO_TRY_VOID(parts.listen_https(inherited));
  parts.make_control();
  CO_TRY_VOID(co_await parts.control->recover());
  CO_TRY_VOID(parts.listen_api(std::move(inherited.api)));
  CO_TRY_VOID(parts.listen_admin(inherited.admin));
  co_await parts.warm_up(std::move(inherited.warm));
  co_return Result<void>();
}

Result<DaemonInfo> Daemon::open() {
  TRY_VOID(parts_->serve_status());
  parts_->host->accept_clients();
  if (parts_->acme) parts_->acme->start();
  parts_->gateway->accept();
  parts_->start_gateway_loops();
  return parts_->info();
}

Task<Result<Inherited>> Daemon::give() {
  auto& parts = *parts_;
  parts.given = true;
  co_await parts.control->pause_calls(Deadline::after(parts.config.drain));
  co_await parts.host->hold_clients(Deadline::after(kRpcGrace));
  co_await parts.control->hold_calls();
  auto frozen = [&parts] { return store::freeze(*parts.database); };
  CO_TRY_VOID(co_await parts.pool.run(std::move(frozen)));
  if (parts.acme) co_await parts.acme->stop(parts.pool);
  parts.log_route->hold();
  Inherited given{.warm = warm_functions(parts.control->registry(), *parts.functions)};
  CO_TRY(given.api, parts.host->share_listener());
  CO_TRY(given.web, parts.gateway->share_listeners());
  CO_TRY(given.https, parts.gateway->share_secure_listeners());
  if (parts.secure_web) given.ticket_keys = parts.secure_web->context().tickets().save();
  co_return given;
}

Task<void> Daemon::take_back() {
  auto& parts = *parts_;
  if (!parts.given) co_return;
  auto thaw = [&parts] { return store::thaw(*parts.database); };
  auto thawed = co_await parts.pool.run(std::move(thaw));
  if (!thawed) log::error("the state stays closed: {}", thawed.error().message);
  if (parts.acme) parts.acme->start();
  parts.log_route->resume();
  parts.control->resume_calls();
  parts.host->release_clients();
  parts.given = false;
}

void Daemon::leave_to(std::shared_ptr<HandOverChannel> successor) {
  auto& parts = *parts_;
  parts.successor = std::move(successor);
  parts.admin.reset();
  parts.host->leave_clients();
  parts.control->abandon_calls();
  parts.log_route->lead_to(parts.successor);
  let_idle_containers_go(parts.control->registry(), *parts.functions);
}

void Daemon::follow(std::shared_ptr<HandOverChannel> predecessor) {
  parts_->follows = true;
  parts_->gateway->expect_answers(true);
  parts_->following.spawn(parts_->follow(std::move(predecessor)));
}

Task<void> Daemon::Parts::follow(std::shared_ptr<HandOverChannel> predecessor) {
  while (true) {
    auto message = co_await predecessor->receive(Deadline::never());
    if (!message) break;
    const bool is_caller = message->say == "connection" && !message->fds.empty();
    if (is_caller) gateway->adopt(std::move(message->fds[0]), std::move(message->body));
    if (message->say == "log") log_route->add(log_entry_of(*message));
    auto answer = message->say == "answer" ? answer_of(*message) : std::nullopt;
    if (answer) gateway->keep_answer(*std::move(answer));
  }
  log::info("the daemon before has ended");
  gateway->expect_answers(false);
  follows = false;
  followed.notify_all();
}

// So that callers who come now find what they had.
Task<void> Daemon::Parts::warm_up(std::vector<std::string> function_ids) {
  const Deadline deadline = Deadline::after(kWarmPatience);
  for (const std::string& id : function_ids) {
    auto handle = functions->find(id);
    if (!handle) continue;
    auto pool = handle->pool();
    // Which arguments callers will bring isn't known.
    if (!pool || !(*pool)->version().parameters.empty()) continue;
    ++to_warm;
    warming.spawn(warm_up_one(*std::move(pool)));
  }
  while (to_warm > 0 && co_await followed.wait(deadline)) {
  }
  co_await warming.close();
}

Task<void> Daemon::Parts::warm_up_one(std::shared_ptr<scheduler::Pool> pool) {
  auto warm = co_await pool->warm_up();
  if (!warm) log::warning("{}: {}", pool->version().tag, warm.error().message);
  --to_warm;
  followed.notify_all();
}

// Outside in: no new deployments and requests, then no functions, then no API (containers need it until they are gone),
// then what those stood on.
Task<void> Daemon::stop() {
  auto& parts = *parts_;
  Deadline grace = Deadline::after(parts.config.drain);
  parts.start_gateway_loops();  // a start that failed before them: the gateway ends on its loops
  if (!parts.successor) co_await take_back();
  if (parts.acme) co_await parts.acme->stop(parts.pool);
  co_await parts.account_scope.close();
  co_await parts.command_scope.close();
  co_await parts.warming.close();
  parts.admin.reset();
  if (parts.host) parts.host->refuse_clients();
  auto pass_on = parts.successor ? passed_to(parts.successor) : gateway::PassOn();
  auto pass_answer = parts.successor ? answers_to(parts.successor) : gateway::PassAnswer();
  if (parts.gateway) co_await parts.gateway->close(grace, std::move(pass_on), std::move(pass_answer));
  if (parts.control) parts.control->retire();
  // Whatever the requests took: exit handlers have a time of their own, which containers keep to by themselves.
  const Deadline exits = Deadline::after(parts.config.exit_grace + kExitMargin);
  if (parts.functions) co_await parts.functions->close(exits);
  if (parts.control) co_await parts.control->close();
  if (parts.host) co_await parts.host->close(Deadline::after(kRpcGrace));
  parts.connections.attach(nullptr);
  if (parts.containers) co_await parts.containers->close();
  if (parts.builder) co_await parts.builder->close();
  if (parts.sandboxes) co_await parts.sandboxes->close();
  while (parts.follows && co_await parts.followed.wait(exits)) {
  }
  co_await parts.following.close();
  for (auto& loop : parts.gateway_loops) loop->stop();
}

}  // namespace bimodal::server

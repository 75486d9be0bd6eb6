#include "scheduler/pool.h"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <cmath>
#include <list>

#include "async/pulse.h"
#include "async/scope.h"
#include "base/log.h"
#include "scheduler/autoscale.h"
#include "scheduler/container_start.h"
#include "scheduler/host_capacity.h"
#include "scheduler/leave_times.h"
#include "scheduler/slots.h"
#include "scheduler/start_backoff.h"

namespace bimodal::scheduler {

namespace asio = boost::asio;

namespace {

std::string name_of(const model::FunctionVersion& version) {
  return version.app_name + "/" + version.tag;
}

Slots::Limits slot_limits(const model::ScalingPolicy& scaling, const PoolLimits& limits) {
  return {std::max(1, scaling.max_inputs), static_cast<int>(std::ceil(target_inputs(scaling))), limits.max_waiting};
}

// A container that is warm, or on its way out.
struct Live {
  ContainerSlotsPtr slots;
  HostCapacity::Reservation room;
  bool retired = false;  // gets no new work
  bool leaving = false;  // was told to drain or killed
  bool stopped = false;  // by Stop::Now
  TimePoint leave_by{};  // of a retired one: when it is told, with or without requests inside
};

}  // namespace

// Everything of the control loop. Coroutines hold the pool while they run.
struct Pool::State : HostCapacity::Tenant {
  State(
      model::FunctionVersionPtr version, Launcher& launcher, asio::any_io_executor control, PoolLimits limits,
      std::shared_ptr<Slots> slots)
      : version(std::move(version)),
        launcher(launcher),
        control(control),
        limits(limits),
        scaling(this->version->scaling),
        slots(std::move(slots)),
        starts(control, "container start"),
        lives(control, "container"),
        asked(control),
        changed(control),
        backoff(limits.first_retry, limits.last_retry) {}

  // Wakes tend(), or has it decide once more when it is deciding just now (a start may end before spawn() returns).
  void ask() {
    asked_again = true;
    asked.notify_all();
  }
  // Decides now and whenever time or the slots ask for it, until the pool is closed and empty.
  Task<void> tend(std::shared_ptr<Pool> pool);
  std::optional<TimePoint> decide();
  std::optional<TimePoint> let_retired_go();
  std::optional<TimePoint> scale();

  void begin_start(const std::shared_ptr<Pool>& pool);
  Task<void> start(std::shared_ptr<Pool> pool, std::shared_ptr<ContainerStart> start);
  void give_up(int count);
  void forget(const std::shared_ptr<ContainerStart>& start);
  void welcome(const std::shared_ptr<Pool>& pool, Started started);
  Task<void> watch(std::shared_ptr<Pool> pool, ContainerSlotsPtr slots);
  void record_failure(Error reason);
  bool may_go_better(const Error& failure) const;
  void fail_hopeless_requests();

  void retire(Live& live);
  void retire_slots(const ContainerSlotsPtr& slots);
  void kill(Live& live);
  void begin_close(Deadline patience);

  // HostCapacity::Tenant
  const model::FunctionVersion& tenant() const override { return *version; }
  std::optional<TimePoint> spare_since() const override;
  void give_way() override;
  void room_changed() override;

  void make_way(bool waits);
  void keep_place();
  std::optional<TimePoint> let_busy_go();

  model::FunctionVersionPtr version;
  Launcher& launcher;
  asio::any_io_executor control;
  PoolLimits limits;
  model::ScalingPolicy scaling;
  std::shared_ptr<Slots> slots;
  Scope starts;
  Scope lives;
  Pulse asked;    // see ask()
  Pulse changed;  // a container came, went, or failed to start
  StartBackoff backoff;
  Error last_failure;
  std::vector<Live> live;
  std::weak_ptr<Pool> self;
  std::list<std::shared_ptr<ContainerStart>> starting;  // oldest first
  int warming_up = 0;                                   // calls of warm_up() that wait
  std::weak_ptr<Pool> predecessor;
  bool makes_way = false;                     // for its successor, from its first wait for room until its end
  std::optional<TimePoint> wanted_way_since;  // that waits now
  bool asked_again = false;
  bool closed = false;
};

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    if (taken_) taken_->owner->give_back(taken_);
    taken_ = std::move(other.taken_);
  }
  return *this;
}

Lease::~Lease() {
  if (taken_) taken_->owner->give_back(taken_);
}

const std::shared_ptr<Container>& Lease::shared_container() const {
  return taken_->container;
}

std::optional<TimePoint> Lease::leaving_since() const {
  return taken_->owner->leaving_since(*taken_);
}

void Lease::retire_container() {
  taken_->owner->retire(taken_);
}

std::shared_ptr<Pool> Pool::create(
    model::FunctionVersionPtr version, Launcher& launcher, asio::any_io_executor control, PoolLimits limits) {
  std::shared_ptr<Pool> pool(new Pool());
  auto ask = [control, weak = std::weak_ptr<Pool>(pool)] {
    asio::post(control, [weak] {
      if (auto pool = weak.lock()) pool->state_->ask();
    });
  };
  const std::atomic<bool>* short_host = limits.host ? &limits.host->is_short() : nullptr;
  pool->slots_ =
      std::make_shared<Slots>(name_of(*version), slot_limits(version->scaling, limits), std::move(ask), short_host);
  pool->state_ = std::make_unique<State>(std::move(version), launcher, std::move(control), limits, pool->slots_);
  pool->state_->self = pool;
  asio::dispatch(pool->state_->control, [pool] { pool->state_->lives.spawn(pool->state_->tend(pool)); });
  return pool;
}

Pool::~Pool() = default;

const model::FunctionVersion& Pool::version() const {
  return *state_->version;
}

std::optional<Lease> Pool::try_acquire(std::uint64_t affinity) {
  auto taken = slots_->try_take(affinity);
  if (!taken) return std::nullopt;
  return Lease(std::move(taken));
}

Task<Result<Lease>> Pool::acquire(Deadline deadline, QueueEnd end) {
  auto slots = slots_;
  CO_TRY(auto taken, co_await slots->take(deadline, end));
  co_return Lease(std::move(taken));
}

std::optional<Error> Pool::turn_away() {
  return slots_->turn_away();
}

PoolLoad Pool::load() const {
  return slots_->load();
}

void Pool::update_scaling(model::ScalingPolicy scaling) {
  state_->scaling = scaling;
  slots_->set_limits(slot_limits(scaling, state_->limits));
  state_->ask();
}

const model::ScalingPolicy& Pool::scaling() const {
  return state_->scaling;
}

Task<Result<void>> Pool::warm_up() {
  auto self = shared_from_this();
  State& state = *state_;
  struct Warming {
    explicit Warming(int& count) : count(++count) {}
    ~Warming() { --count; }
    int& count;
  };
  const Warming warming(state.warming_up);
  if (!state.closed && state.starting.empty() && load().containers == 0) state.begin_start(self);
  while (load().containers == 0) {
    if (state.closed) co_return error(Code::Unavailable, "{}: replaced or stopped", name_of(*state.version));
    if (state.starting.empty()) co_return tl::unexpected(state.last_failure);
    co_await state.changed.wait(Deadline::never());
  }
  co_return Result<void>();
}

bool Pool::stop_container(const std::string& task_id, Stop how) {
  for (Live& live : state_->live) {
    if (live.slots->container->task_id() != task_id) continue;
    state_->retire(live);
    live.stopped = live.stopped || how == Stop::Now;
    if (live.stopped) live.leave_by = std::min(live.leave_by, Deadline::after(stop_patience()).point());
    if (how == Stop::Kill) state_->kill(live);
    state_->ask();
    return true;
  }
  return false;
}

bool Pool::was_stopped(const std::string& task_id) const {
  return std::ranges::any_of(
      state_->live, [&](const Live& live) { return live.stopped && live.slots->container->task_id() == task_id; });
}

std::chrono::milliseconds Pool::stop_patience() const {
  return patience_at_stop(*state_->version, state_->limits);
}

void Pool::succeed(const std::shared_ptr<Pool>& predecessor) {
  state_->predecessor = predecessor;
  if (state_->limits.host) state_->room_changed();  // its first start may wait already
}

Task<void> Pool::close(Deadline patience) {
  auto self = shared_from_this();
  State& state = *state_;
  state.begin_close(patience);
  co_await state.starts.close();
  while (!state.live.empty()) co_await state.changed.wait(Deadline::never());
  co_await state.lives.close();
}

Task<void> Pool::abort() {
  auto self = shared_from_this();
  state_->begin_close(Deadline::after({}));
  for (Live& live : state_->live) state_->kill(live);
  co_await close(Deadline::after({}));
}

void Pool::State::begin_close(Deadline patience) {
  closed = true;
  if (auto before = predecessor.lock()) before->state_->keep_place();
  slots->close(Error{Code::Unavailable, name_of(*version) + ": replaced or stopped"});
  const Deadline least = Deadline::after(least_patience(*version, limits));
  for (Live& one : live) {
    retire(one);
    one.leave_by = std::min(one.leave_by, std::max(patience.point(), least.point()));
  }
  ask();
  changed.notify_all();
}

Task<void> Pool::State::tend(std::shared_ptr<Pool> pool) {
  while (!closed || !live.empty()) {
    asked_again = false;
    auto again = decide();
    Deadline deadline = again ? Deadline::at(*again) : Deadline::never();
    if (!asked_again) co_await asked.wait(deadline);
  }
}

std::optional<TimePoint> Pool::State::decide() {
  std::optional<TimePoint> again = closed ? std::nullopt : scale();
  const auto until = [&again](std::optional<TimePoint> other) {
    if (other && (!again || *other < *again)) again = other;
  };
  until(let_busy_go());
  until(let_retired_go());
  if (limits.host && limits.host->is_short()) limits.host->look_again();
  return again;
}

std::optional<TimePoint> Pool::State::scale() {
  ScalingState now = slots->begin_decision();
  now.retry_at = backoff.retry_at();
  // Callers of a server don't wait, but want it no less.
  const auto waits = [](const std::shared_ptr<ContainerStart>& start) { return start->waits_for_room(); };
  if (!version->is_server) now.without_room = static_cast<int>(std::count_if(starting.begin(), starting.end(), waits));
  model::ScalingPolicy policy = scaling;
  if (warming_up > 0) policy.min_containers = std::max(1, policy.min_containers);
  if (makes_way) policy.min_containers = 0;
  ScalingDecision decision = autoscale(now, policy, limits.max_containers, Deadline::Clock::now());
  slots->apply(decision.enough_for, decision.capacity);
  if (auto pool = self.lock()) {
    const int start = std::min(decision.start, limits.max_starting - static_cast<int>(starting.size()));
    for (int i = 0; i < start; ++i) begin_start(pool);
  }
  give_up(decision.abandon);
  if (decision.stop > 0) {
    for (auto& idle : slots->retire_idle(decision.stop)) retire_slots(idle);
  }
  return decision.check_again;
}

// Tells retired containers to go once they are empty. Returns when the next must go even with requests inside.
std::optional<TimePoint> Pool::State::let_retired_go() {
  if (closed) slots->begin_decision();
  std::optional<TimePoint> next;
  auto now = Deadline::Clock::now();
  for (Live& one : live) {
    if (!one.retired || one.leaving) continue;
    if (slots->is_empty(one.slots) || one.leave_by <= now) {
      one.leaving = true;
      one.slots->container->drain();
    } else if (!next || one.leave_by < *next) {
      next = one.leave_by;
    }
  }
  return next;
}

void Pool::State::begin_start(const std::shared_ptr<Pool>& pool) {
  starting.push_back(std::make_shared<ContainerStart>(control));
  slots->set_starting(static_cast<int>(starting.size()));
  starts.spawn(start(pool, starting.back()));
}

void Pool::State::give_up(int count) {
  for (int i = 0; i < count && !starting.empty(); ++i) {
    const auto youngest = starting.back();
    forget(youngest);
    youngest->give_up();
  }
}

void Pool::State::forget(const std::shared_ptr<ContainerStart>& start) {
  starting.remove(start);
  slots->set_starting(static_cast<int>(starting.size()));
}

Task<void> Pool::State::start(std::shared_ptr<Pool> pool, std::shared_ptr<ContainerStart> start) {
  // Also when the launch is cancelled, which throws.
  struct Ended {
    Ended(State& state, std::shared_ptr<ContainerStart> start) : state(state), start(std::move(start)) {}
    State& state;
    std::shared_ptr<ContainerStart> start;
    ~Ended() {
      state.forget(start);
      state.changed.notify_all();
      state.ask();
    }
  };
  std::optional<Ended> counted;
  counted.emplace(*this, start);
  auto started = co_await ContainerStart::run(start, launcher, version, limits.host, *this);
  if (!started) co_return;
  if (started->container) {
    welcome(pool, *std::move(started));
    co_return;
  }
  const Error failure = started->container.error();
  started.reset();
  if (!closed) record_failure(failure);
  counted.reset();
  if (!may_go_better(failure)) fail_hopeless_requests();
}

// Whether requests wait for another start after this one failed: a signal says nothing about the app, but in a row.
bool Pool::State::may_go_better(const Error& failure) const {
  return failure.code == Code::Aborted && !version->ephemeral && backoff.failures() < limits.killed_starts;
}

void Pool::State::welcome(const std::shared_ptr<Pool>& pool, Started started) {
  auto added = slots->add(*std::move(started.container));
  live.push_back(Live{added, std::move(started.room)});
  if (closed) {
    retire(live.back());
    kill(live.back());
  }
  auto told = [slots = std::weak_ptr(slots), stalling = std::weak_ptr(added)](bool stalled) {
    const auto owner = slots.lock();
    if (const auto one = stalling.lock(); owner && one) owner->set_stalled(one, stalled);
  };
  added->container->on_stall(std::move(told));
  auto was_used = [slots = std::weak_ptr(slots), used = std::weak_ptr(added)] {
    const auto owner = slots.lock();
    const auto one = used.lock();
    return owner && one && owner->take_use(one);
  };
  added->container->set_use(std::move(was_used));
  lives.spawn(watch(pool, added));
}

Task<void> Pool::State::watch(std::shared_ptr<Pool> pool, ContainerSlotsPtr added) {
  auto exit = co_await added->container->wait_exit();
  auto gone = std::find_if(live.begin(), live.end(), [&](const Live& one) { return one.slots == added; });
  bool expected = gone->retired;
  // Given back at the end: others look at this pool then.
  const HostCapacity::Reservation room = std::move(gone->room);
  live.erase(gone);
  slots->remove(added);
  if (!expected && !slots->has_served(added)) {
    const std::string reason = exit.reason.empty() ? "the container ended before it served a request" : exit.reason;
    record_failure({Code::FailedPrecondition, reason});
    fail_hopeless_requests();
  }
  changed.notify_all();
  ask();
}

// Callers are told apart what the app is to blame for and what the host is.
void Pool::State::record_failure(Error reason) {
  reason.code = reason.code == Code::ResourceExhausted ? Code::Aborted : Code::FailedPrecondition;
  if (slots->take_proof()) backoff.reset();
  backoff.record_failure(Deadline::Clock::now());
  last_failure = std::move(reason);
}

// Whoever waits for a container that can't start hears why, rather than waiting for it to fail again.
void Pool::State::fail_hopeless_requests() {
  PoolLoad now = slots->load();
  if (now.containers > 0 || now.starting > 0) return;
  slots->refuse_until(backoff.retry_at(), last_failure);
}

void Pool::State::retire_slots(const ContainerSlotsPtr& slots) {
  for (Live& one : live) {
    if (one.slots == slots) retire(one);
  }
}

void Pool::State::retire(Live& one) {
  if (one.retired) return;
  slots->let_go(one.slots);
  one.room.mark_leaving();
  one.retired = true;
  one.leave_by = Deadline::Clock::now() + version->leave_patience.value_or(version->timeout);
}

std::optional<TimePoint> Pool::State::spare_since() const {
  const PoolLoad load = slots->load();
  if (!closed && makes_way) return slots->longest_idle();
  const int least = std::max(scaling.min_containers, warming_up > 0 ? 1 : 0);
  if (closed || load.waiting > 0 || load.containers <= least) return std::nullopt;
  return slots->longest_idle();
}

void Pool::State::give_way() {
  for (auto& idle : slots->retire_idle(1)) retire_slots(idle);
  ask();
}

void Pool::State::room_changed() {
  const std::optional<std::string> reason = limits.host->reason_for(*this);
  slots->set_held_up(reason);
  if (auto before = predecessor.lock()) before->state_->make_way(reason.has_value());
}

void Pool::State::make_way(bool waits) {
  if (closed || waits == wanted_way_since.has_value()) return;
  wanted_way_since = waits ? std::optional(Deadline::Clock::now()) : std::nullopt;
  if (waits && !std::exchange(makes_way, true)) {
    log::info("{}: the new version finds no room on the host: containers of the old one make way", name_of(*version));
  }
  ask();
}

// The successor is given up.
void Pool::State::keep_place() {
  makes_way = false;
  wanted_way_since.reset();
  ask();
}

// A successor that waits goes before what its predecessor has, but only when nobody else became idle for a while: its
// callers wait until the successor is warm. Returns when to look again.
std::optional<TimePoint> Pool::State::let_busy_go() {
  if (closed || !wanted_way_since) return std::nullopt;
  const TimePoint due = *wanted_way_since + limits.drain;
  if (Deadline::Clock::now() < due) return due;
  if (std::ranges::any_of(live, &Live::retired)) return std::nullopt;
  if (const ContainerSlotsPtr least = slots->least_busy()) retire_slots(least);
  return std::nullopt;
}

void Pool::State::kill(Live& one) {
  one.leaving = true;
  one.slots->container->kill();
}

}  // namespace bimodal::scheduler

#include "scheduler/slots.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <tuple>
#include <utility>

namespace bimodal::scheduler {

namespace asio = boost::asio;

namespace {

// Spreads every bit of `x` over the whole result: two affinities rank the same containers differently.
std::uint64_t mixed(std::uint64_t x) {
  for (int round = 0; round < 2; ++round) x = (x ^ (x >> 32)) * 0x9e3779b97f4a7c15u;
  return x ^ (x >> 29);
}

}  // namespace

// A request in the queue. `outcome` and `place` are guarded by the pool's mutex; the timer belongs to the request's
// loop.
struct Slots::Waiter {
  explicit Waiter(asio::any_io_executor loop) : loop(loop), timer(std::move(loop)) {}

  // Any thread, without the mutex.
  static void wake(std::vector<WaiterPtr>& waiters) {
    for (auto& waiter : waiters) {
      auto loop = waiter->loop;
      asio::post(loop, [waiter = std::move(waiter)] { waiter->timer.cancel(); });
    }
  }

  asio::any_io_executor loop;
  asio::steady_timer timer;
  std::optional<Result<ContainerSlotsPtr>> outcome;
  std::list<WaiterPtr>::iterator place;
};

// Leaves the queue, and gives back a slot that came too late, however the waiting coroutine ends.
class Slots::QueuePlace {
 public:
  QueuePlace(std::shared_ptr<Slots> slots, WaiterPtr waiter) : slots_(std::move(slots)), waiter_(std::move(waiter)) {}
  ~QueuePlace() {
    auto outcome = leave();
    if (outcome && *outcome) slots_->give_back(**outcome);
  }

  // Once: what the request got, nullopt when it is still waiting (and no longer is).
  std::optional<Result<ContainerSlotsPtr>> leave() {
    if (left_) return std::nullopt;
    left_ = true;
    if (give_up_place()) slots_->ask_();
    return std::move(waiter_->outcome);
  }

 private:
  // Whether the autoscaler is to be asked. Afterwards nobody else touches `outcome`.
  bool give_up_place() {
    std::lock_guard lock(slots_->mutex_);
    if (waiter_->outcome) return false;
    slots_->waiting_.erase(waiter_->place);
    slots_->note_demand_locked();
    return slots_->has_needless_starts_locked() && slots_->should_ask_locked();
  }

  std::shared_ptr<Slots> slots_;
  WaiterPtr waiter_;
  bool left_ = false;
};

Slots::Slots(std::string name, Limits limits, std::function<void()> ask, const std::atomic<bool>* short_host)
    : name_(std::move(name)), ask_(std::move(ask)), short_host_(short_host), limits_(limits) {}

ContainerSlotsPtr Slots::try_take(std::uint64_t affinity) {
  ContainerSlotsPtr taken;
  bool ask = false;
  {
    std::lock_guard lock(mutex_);
    if (!waiting_.empty() || closed_) return nullptr;
    taken = take_locked(affinity);
    ask = taken && running_ > enough_for_ && should_ask_locked();
  }
  if (ask) ask_();
  return taken;
}

std::optional<Error> Slots::turn_away() {
  std::optional<Error> why;
  bool ask = false;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return *closed_;
    if (!none_is_warm_locked()) {
      why = Error{Code::ResourceExhausted, name_ + ": each container has as many requests as it takes"};
    } else if (held_up_) {
      why = Error{Code::Aborted, *held_up_};
    } else if (starting_ == 0 && refusal_ && Deadline::Clock::now() < refused_until_) {
      return *refusal_;
    }
    turned_away_ = true;
    overflowed_ = why && why->code == Code::ResourceExhausted;
    note_demand_locked();
    ask = should_ask_locked();
  }
  if (ask) ask_();
  return why;
}

Task<Result<ContainerSlotsPtr>> Slots::take(Deadline deadline, QueueEnd end) {
  auto self = shared_from_this();
  auto waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor);
  CO_TRY(auto taken, take_or_enqueue(waiter, end));
  if (taken) co_return taken;

  QueuePlace place(self, waiter);
  waiter->timer.expires_at(deadline.point());
  boost::system::error_code cancelled;
  co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  if (auto outcome = place.leave()) co_return std::move(*outcome);
  if (cancelled)
    co_return error(Code::Cancelled, "{}: the request was cancelled while it waited for a container", name_);
  co_return tl::unexpected(lateness());
}

Error Slots::lateness() const {
  std::lock_guard lock(mutex_);
  if (held_up_) return {Code::Aborted, *held_up_};
  return {Code::DeadlineExceeded, name_ + ": no container had a free slot in time"};
}

Result<ContainerSlotsPtr> Slots::take_or_enqueue(const WaiterPtr& waiter, QueueEnd end) {
  ContainerSlotsPtr taken;
  bool ask = false;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return tl::unexpected(*closed_);
    const bool in_front = end == QueueEnd::Front;
    if (in_front || waiting_.empty()) taken = take_locked();
    if (!taken) {
      bool none = running_ == 0 && starting_ == 0 && shelf(Shelf::BelowTarget).empty();
      if (refusal_ && none && Deadline::Clock::now() < refused_until_) return tl::unexpected(*refusal_);
      if (!in_front && static_cast<int>(waiting_.size()) >= limits_.max_waiting) {
        return error(Code::ResourceExhausted, "{}: {} requests wait for a container already", name_, waiting_.size());
      }
      waiter->place = waiting_.insert(in_front ? waiting_.begin() : waiting_.end(), waiter);
      note_demand_locked();
    }
    ask = running_ + static_cast<int>(waiting_.size()) > enough_for_ && should_ask_locked();
  }
  if (ask) ask_();
  return taken;
}

void Slots::give_back(const ContainerSlotsPtr& taken) {
  std::vector<WaiterPtr> served;
  bool ask = false;
  {
    std::lock_guard lock(mutex_);
    release_locked(*taken);
    if (!waiting_.empty()) {
      serve_waiters_locked(served);
      ask = has_needless_starts_locked();
    }
    const bool is_wanted_gone =
        taken->shelf == Shelf::Retired || (short_host_ && short_host_->load(std::memory_order_relaxed));
    ask = (ask || (is_wanted_gone && taken->running == 0)) && should_ask_locked();
  }
  Waiter::wake(served);
  if (ask) ask_();
}

PoolLoad Slots::load() const {
  std::lock_guard lock(mutex_);
  PoolLoad load;
  for (Shelf kind : {Shelf::BelowTarget, Shelf::AboveTarget, Shelf::Full}) {
    const Shelved& shelf = shelves_[static_cast<int>(kind)];
    load.containers += static_cast<int>(shelf.size());
    load.busy += static_cast<int>(std::ranges::count_if(shelf, [](const auto& slots) { return slots->running > 0; }));
  }
  load.starting = starting_;
  load.running = running_ + running_retired_;
  load.waiting = static_cast<int>(waiting_.size());
  return load;
}

ContainerSlotsPtr Slots::add(std::shared_ptr<Container> container) {
  auto slots = std::make_shared<ContainerSlots>();
  slots->container = std::move(container);
  slots->owner = shared_from_this();
  slots->hash = std::hash<std::string>()(slots->container->task_id());
  slots->idle_since = Deadline::Clock::now();
  std::vector<WaiterPtr> served;
  {
    std::lock_guard lock(mutex_);
    slots->place = shelf(Shelf::BelowTarget).insert(shelf(Shelf::BelowTarget).begin(), slots);
    overflowed_ = false;
    serve_waiters_locked(served);
  }
  Waiter::wake(served);
  return slots;
}

void Slots::retire(const ContainerSlotsPtr& slots) {
  std::lock_guard lock(mutex_);
  retire_locked(*slots);
}

void Slots::let_go(const ContainerSlotsPtr& slots) {
  std::lock_guard lock(mutex_);
  retire_locked(*slots);
  if (!slots->leaving_since) slots->leaving_since = Deadline::Clock::now();
}

std::optional<TimePoint> Slots::leaving_since(const ContainerSlots& slots) const {
  std::lock_guard lock(mutex_);
  return slots.leaving_since;
}

std::vector<ContainerSlotsPtr> Slots::retire_idle(int count) {
  std::vector<ContainerSlotsPtr> idle;
  {
    std::lock_guard lock(mutex_);
    for (auto& slots : shelf(Shelf::BelowTarget)) {
      if (slots->running == 0) idle.push_back(slots);
    }
    auto older = [](const ContainerSlotsPtr& a, const ContainerSlotsPtr& b) { return a->idle_since < b->idle_since; };
    std::sort(idle.begin(), idle.end(), older);
    idle.resize(std::min<std::size_t>(idle.size(), count));
    for (auto& slots : idle) retire_locked(*slots);
  }
  return idle;
}

void Slots::remove(const ContainerSlotsPtr& slots) {
  std::lock_guard lock(mutex_);
  retire_locked(*slots);
  shelf(Shelf::Retired).erase(slots->place);
}

void Slots::set_held_up(std::optional<std::string> reason) {
  std::lock_guard lock(mutex_);
  held_up_ = std::move(reason);
}

ContainerSlotsPtr Slots::least_busy() const {
  std::lock_guard lock(mutex_);
  ContainerSlotsPtr least;
  for (Shelf kind : {Shelf::BelowTarget, Shelf::AboveTarget, Shelf::Full}) {
    for (const auto& slots : shelf(kind)) {
      if (!least || slots->running < least->running) least = slots;
    }
  }
  return least;
}

std::optional<TimePoint> Slots::longest_idle() const {
  std::lock_guard lock(mutex_);
  std::optional<TimePoint> longest;
  for (const auto& slots : shelves_[static_cast<int>(Shelf::BelowTarget)]) {
    if (slots->running == 0 && (!longest || slots->idle_since < *longest)) longest = slots->idle_since;
  }
  return longest;
}

void Slots::set_stalled(const ContainerSlotsPtr& slots, bool stalled) {
  std::vector<WaiterPtr> served;
  bool ask = false;
  {
    std::lock_guard lock(mutex_);
    if (slots->shelf == Shelf::Retired || slots->stalled == stalled) return;
    slots->stalled = stalled;
    place_locked(*slots);
    serve_waiters_locked(served);
    ask = should_ask_locked();
  }
  Waiter::wake(served);
  if (ask) ask_();
}

bool Slots::take_use(const ContainerSlotsPtr& slots) {
  std::lock_guard lock(mutex_);
  return std::exchange(slots->used, false) || slots->running > 0;
}

bool Slots::is_empty(const ContainerSlotsPtr& slots) const {
  std::lock_guard lock(mutex_);
  return slots->running == 0;
}

bool Slots::has_served(const ContainerSlotsPtr& slots) const {
  std::lock_guard lock(mutex_);
  return slots->served;
}

void Slots::set_starting(int starting) {
  std::lock_guard lock(mutex_);
  starting_ = starting;
}

void Slots::set_limits(Limits limits) {
  std::vector<WaiterPtr> served;
  {
    std::lock_guard lock(mutex_);
    limits_ = limits;
    for (Shelf kind : {Shelf::Full, Shelf::AboveTarget, Shelf::BelowTarget}) {
      std::vector<ContainerSlotsPtr> all(shelf(kind).rbegin(), shelf(kind).rend());
      for (auto& slots : all) place_locked(*slots);
    }
    serve_waiters_locked(served);
  }
  Waiter::wake(served);
}

ScalingState Slots::begin_decision() {
  std::lock_guard lock(mutex_);
  asked_ = false;
  enough_for_ = 0;  // until apply(): what comes meanwhile isn't part of this decision
  ScalingState state;
  state.starting = starting_;
  state.running = running_;
  state.short_since = short_since_;
  state.waiting = static_cast<int>(waiting_.size()) + (std::exchange(turned_away_, false) ? 1 : 0);
  for (Shelf kind : {Shelf::BelowTarget, Shelf::AboveTarget, Shelf::Full}) {
    for (auto& slots : shelf(kind)) {
      // A full one gets no requests anyway.
      if (slots->stalled && slots->running < limits_.max_inputs) {
        ++state.stalled;
        state.running -= slots->running;
      } else if (slots->running == 0) {
        state.idle_since.push_back(slots->idle_since);
      } else {
        ++state.busy;
      }
    }
  }
  return state;
}

void Slots::apply(int enough_for, int capacity) {
  std::lock_guard lock(mutex_);
  enough_for_ = enough_for;
  capacity_ = capacity;
  note_demand_locked();
}

bool Slots::take_proof() {
  std::lock_guard lock(mutex_);
  return std::exchange(proved_, false);
}

void Slots::refuse_until(TimePoint until, Error reason) {
  std::vector<WaiterPtr> failed;
  {
    std::lock_guard lock(mutex_);
    fail_waiters_locked(reason, failed);
    refused_until_ = until;
    refusal_ = std::move(reason);
  }
  Waiter::wake(failed);
}

void Slots::close(Error reason) {
  std::vector<WaiterPtr> failed;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    fail_waiters_locked(reason, failed);
    closed_ = std::move(reason);
  }
  Waiter::wake(failed);
}

ContainerSlotsPtr Slots::next_locked(std::uint64_t affinity) {
  const Shelved& below = shelf(Shelf::BelowTarget);
  const Shelved& above = shelf(Shelf::AboveTarget);
  if (affinity == 0) {
    const Shelved& from = below.empty() ? above : below;
    return from.empty() ? nullptr : from.front();
  }
  ContainerSlotsPtr best;
  std::uint64_t most = 0;
  for (const Shelved* from : {&below, &above}) {
    for (const ContainerSlotsPtr& slots : *from) {
      const std::uint64_t weight = mixed(affinity ^ slots->hash);
      if (!best || weight > most) std::tie(best, most) = std::pair(slots, weight);
    }
  }
  return best;
}

bool Slots::none_is_warm_locked() const {
  return shelf(Shelf::BelowTarget).empty() && shelf(Shelf::AboveTarget).empty() && shelf(Shelf::Full).empty();
}

ContainerSlotsPtr Slots::take_locked(std::uint64_t affinity) {
  ContainerSlotsPtr taken = next_locked(affinity);
  if (!taken) return nullptr;
  ++taken->running;
  ++running_;
  taken->used = true;
  if (!taken->served) taken->served = proved_ = true;
  note_demand_locked();
  place_locked(*taken);
  return taken;
}

void Slots::release_locked(ContainerSlots& slots) {
  --slots.running;
  if (slots.shelf == Shelf::Retired) {
    --running_retired_;
    return;
  }
  --running_;
  overflowed_ = false;
  note_demand_locked();
  if (slots.running == 0) slots.idle_since = Deadline::Clock::now();
  place_locked(slots);
}

void Slots::retire_locked(ContainerSlots& slots) {
  if (slots.shelf == Shelf::Retired) return;
  enough_for_ = 0;  // the last decision counted on it
  running_ -= slots.running;
  running_retired_ += slots.running;
  shelf(Shelf::Retired).splice(shelf(Shelf::Retired).begin(), shelf(slots.shelf), slots.place);
  slots.shelf = Shelf::Retired;
}

// Moves a container to the front of the shelf where its number of requests puts it.
void Slots::place_locked(ContainerSlots& slots) {
  Shelf to = Shelf::BelowTarget;
  if (slots.running >= limits_.target_inputs) to = Shelf::AboveTarget;
  if (slots.running >= limits_.max_inputs || slots.stalled) to = Shelf::Full;
  shelf(to).splice(shelf(to).begin(), shelf(slots.shelf), slots.place);
  slots.shelf = to;
}

void Slots::serve_waiters_locked(std::vector<WaiterPtr>& served) {
  while (!waiting_.empty()) {
    ContainerSlotsPtr taken = take_locked();
    if (!taken) break;
    WaiterPtr waiter = std::move(waiting_.front());
    waiting_.pop_front();
    waiter->outcome = std::move(taken);
    served.push_back(std::move(waiter));
  }
  note_demand_locked();
}

void Slots::fail_waiters_locked(const Error& reason, std::vector<WaiterPtr>& failed) {
  for (auto& waiter : waiting_) {
    waiter->outcome = tl::unexpected(reason);
    failed.push_back(std::move(waiter));
  }
  waiting_.clear();
}

// One start always goes on, so that a pool that is short of containers again and again gets one more; none that only
// waits for room.
bool Slots::has_needless_starts_locked() const {
  return waiting_.empty() && starting_ > (held_up_ ? 0 : 1);
}

void Slots::note_demand_locked() {
  const bool is_short = overflowed_ || running_ + static_cast<int>(waiting_.size()) > capacity_;
  if (is_short == short_since_.has_value()) return;
  short_since_.reset();
  if (is_short) short_since_ = Deadline::Clock::now();
}

bool Slots::should_ask_locked() {
  return !std::exchange(asked_, true);
}

}  // namespace bimodal::scheduler

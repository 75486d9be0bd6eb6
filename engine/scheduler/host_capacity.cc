#include "scheduler/host_capacity.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "async/pulse.h"

namespace bimodal::scheduler {
namespace {

using Amount = HostCapacity::Amount;

Amount operator+(Amount a, const Amount& b) {
  return {a.memory_mb + b.memory_mb, a.cpu_milli + b.cpu_milli};
}

Amount operator-(Amount a, const Amount& b) {
  return {a.memory_mb - b.memory_mb, a.cpu_milli - b.cpu_milli};
}

std::string cpus_in_words(std::int64_t milli) {
  return fmt::format("{:g}", static_cast<double>(milli) / 1000);
}

std::string name_of(const HostCapacity::Tenant& tenant) {
  return tenant.tenant().app_name + "/" + tenant.tenant().tag;
}

}  // namespace

struct HostCapacity::Waiter {
  Waiter(const boost::asio::any_io_executor& control, Tenant& tenant)
      : tenant(&tenant), amount(amount_of(tenant.tenant().resources)), changed(control) {}
  Tenant* tenant;
  Amount amount;
  Pulse changed;
  std::optional<Reservation> granted;
};

HostCapacity::Reservation& HostCapacity::Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  if (host_) host_->give_back(*this);
  host_ = std::exchange(other.host_, nullptr);
  tenant_ = other.tenant_;
  amount_ = other.amount_;
  leaving_ = other.leaving_;
  return *this;
}

HostCapacity::Reservation::~Reservation() {
  if (host_) host_->give_back(*this);
}

void HostCapacity::Reservation::mark_leaving() {
  if (!host_ || std::exchange(leaving_, true)) return;
  host_->leaving_ = host_->leaving_ + amount_;
}

HostCapacity::HostCapacity(boost::asio::any_io_executor control, Amount total, Pressure pressure, Notice notice)
    : control_(std::move(control)), total_(total), pressure_(std::move(pressure)), notice_(std::move(notice)) {}

Task<HostCapacity::Reservation> HostCapacity::overdraw(Tenant& tenant, Deadline deadline) {
  auto room = co_await reserve(tenant, deadline);
  if (room) co_return *std::move(room);
  co_return take(tenant, amount_of(tenant.tenant().resources));
}

Task<std::optional<HostCapacity::Reservation>> HostCapacity::reserve(Tenant& tenant, Deadline deadline) {
  auto waiter = std::make_shared<Waiter>(control_, tenant);
  // Leaves the queue however the coroutine ends.
  struct Place {
    HostCapacity* host;
    WaiterPtr waiter;
    ~Place() { host->leave(waiter); }
  };
  Place place{this, waiter};
  const bool waits_already = reason_for(tenant).has_value();
  waiting_.push_back(waiter);
  grant();
  if (!waiter->granted) {
    tenant.room_changed();
    grant();  // somebody may make way now
  }
  if (!waiter->granted && !waits_already && notice_) notice_(tenant.tenant(), describe(tenant));
  while (!waiter->granted) {
    if (!co_await waiter->changed.wait(deadline) && !waiter->granted) co_return std::nullopt;
  }
  co_return std::exchange(waiter->granted, std::nullopt);
}

Result<void> HostCapacity::check(const std::string& object, const model::Resources& resources) const {
  if (resources.memory_mb > total_.memory_mb) {
    return error(
        Code::InvalidArgument,
        "{} asks for memory={} (MiB), more than the {} that containers of this host can reserve "
        "(scheduler.host_memory)",
        object, resources.memory_mb, total_.memory_mb);
  }
  if (resources.cpu_milli > total_.cpu_milli) {
    return error(
        Code::InvalidArgument,
        "{} asks for cpu={}, more than the {} that containers of this host can reserve (scheduler.cpu_overcommit)",
        object, cpus_in_words(resources.cpu_milli), cpus_in_words(total_.cpu_milli));
  }
  return {};
}

std::optional<std::string> HostCapacity::reason_for(const Tenant& tenant) const {
  const auto is_its = [&](const WaiterPtr& waiter) { return waiter->tenant == &tenant; };
  if (std::none_of(waiting_.begin(), waiting_.end(), is_its)) return std::nullopt;
  return describe(tenant);
}

void HostCapacity::look_again() {
  grant();
}

HostCapacity::Account HostCapacity::account() const {
  Account account{total_, used_, {}};
  std::map<const Tenant*, int> counts;
  for (const WaiterPtr& waiter : waiting_) ++counts[waiter->tenant];
  for (const auto& [tenant, count] : counts) {
    account.waiting.push_back(fmt::format("{}: {}", name_of(*tenant), describe(*tenant)));
  }
  return account;
}

bool HostCapacity::fits(const Amount& amount, const Amount& used) const {
  const Amount sum = used + amount;
  return sum.memory_mb <= total_.memory_mb && sum.cpu_milli <= total_.cpu_milli;
}

HostCapacity::WaiterPtr HostCapacity::next() const {
  const auto has_none = [&](const WaiterPtr& waiter) { return !held_.contains(waiter->tenant); };
  const auto first = std::find_if(waiting_.begin(), waiting_.end(), has_none);
  return first == waiting_.end() ? waiting_.front() : *first;
}

void HostCapacity::grant() {
  while (!waiting_.empty()) {
    const WaiterPtr waiter = next();
    if (!fits(waiter->amount, used_)) {
      make_room(*waiter);
      break;
    }
    waiting_.remove(waiter);
    waiter->granted = take(*waiter->tenant, waiter->amount);
    waiter->changed.notify_all();
    waiter->tenant->room_changed();
  }
  short_ = !waiting_.empty();
}

// Bounded by the number of containers: each round has one more leave.
void HostCapacity::make_room(const Waiter& waiter) {
  while (!fits(waiter.amount, used_ - leaving_)) {
    Tenant* chosen = nullptr;
    std::optional<Deadline::Clock::time_point> longest;
    for (const auto& [tenant, count] : held_) {
      const auto since = tenant->spare_since();
      if (since && (!longest || *since < *longest)) std::tie(chosen, longest) = std::pair(tenant, since);
    }
    if (chosen == nullptr) return;
    const Amount before = leaving_;
    chosen->give_way();
    if (leaving_.memory_mb == before.memory_mb && leaving_.cpu_milli == before.cpu_milli) return;
  }
}

void HostCapacity::leave(const WaiterPtr& waiter) {
  if (waiting_.remove(waiter) > 0) waiter->tenant->room_changed();
  waiter->granted.reset();
  grant();
}

HostCapacity::Reservation HostCapacity::take(Tenant& tenant, const Amount& amount) {
  Reservation reservation;
  reservation.host_ = this;
  reservation.tenant_ = &tenant;
  reservation.amount_ = amount;
  used_ = used_ + amount;
  ++held_[&tenant];
  return reservation;
}

void HostCapacity::give_back(Reservation& reservation) {
  used_ = used_ - reservation.amount_;
  if (reservation.leaving_) leaving_ = leaving_ - reservation.amount_;
  const auto held = held_.find(reservation.tenant_);
  if (--held->second == 0) held_.erase(held);
  reservation.host_ = nullptr;
  grant();
}

std::string HostCapacity::describe(const Tenant& tenant) const {
  const Amount amount = amount_of(tenant.tenant().resources);
  const Amount overdrawn = total_ - used_;
  const Amount free{std::max<std::int64_t>(overdrawn.memory_mb, 0), std::max<std::int64_t>(overdrawn.cpu_milli, 0)};
  if (amount.memory_mb > free.memory_mb || amount.cpu_milli <= free.cpu_milli) {
    return fmt::format(
        "the host has {} of memory free of {} for containers, {} asks for {}", memory_in_words(free.memory_mb),
        memory_in_words(total_.memory_mb), name_of(tenant), memory_in_words(amount.memory_mb));
  }
  return fmt::format(
      "the host has {} CPUs free of {} for containers, {} asks for {}", cpus_in_words(free.cpu_milli),
      cpus_in_words(total_.cpu_milli), name_of(tenant), cpus_in_words(amount.cpu_milli));
}

std::string memory_in_words(std::int64_t mb) {
  if (mb < 1024) return fmt::format("{} MiB", mb);
  return fmt::format("{:.3g} GiB", static_cast<double>(mb) / 1024);
}

}  // namespace bimodal::scheduler

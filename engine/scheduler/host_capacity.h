// What the host has for containers. Each reserves the memory and cpu that its function asks for, from the begin of its
// start until it is gone; one that finds no room waits.
//
// The queue is one for all pools. A pool without any container comes before those that have some, so that no app keeps
// another off the host by growing; within these two the order is first come first served, and nobody smaller overtakes.
// While somebody waits, idle containers that their pools can do without give way, longest idle first.
//
// Loop-bound (control loop), but for is_short(). Outlives its tenants and reservations.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/deadline.h"
#include "async/task.h"
#include "base/result.h"
#include "model/model.h"

namespace bimodal::scheduler {

class HostCapacity {
 public:
  struct Amount {
    std::int64_t memory_mb = 0;
    std::int64_t cpu_milli = 0;
  };
  static Amount amount_of(const model::Resources& resources) { return {resources.memory_mb, resources.cpu_milli}; }

  // A pool.
  class Tenant {
   public:
    virtual ~Tenant() = default;
    virtual const model::FunctionVersion& tenant() const = 0;
    // Since when the container that it can best do without is idle; nothing when it can do without none.
    virtual std::optional<Deadline::Clock::time_point> spare_since() const = 0;
    // Stops that container: marks its reservation as leaving.
    virtual void give_way() = 0;
    // It began to wait for room, or ceased to: see reason_for().
    virtual void room_changed() = 0;
  };

  // Gives the room back when destroyed.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept { *this = std::move(other); }
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation();
    // Its container is on its way out: nobody else has to give way for the room.
    void mark_leaving();

   private:
    friend class HostCapacity;
    HostCapacity* host_ = nullptr;
    Tenant* tenant_ = nullptr;
    Amount amount_;
    bool leaving_ = false;
  };

  // Why no container should start now, whatever is reserved: the host is short of memory or processes. One line.
  using Pressure = std::function<std::optional<std::string>()>;
  // Told, once for each time that a pool has to wait, what it waits for.
  using Notice = std::function<void(const model::FunctionVersion&, const std::string& reason)>;

  HostCapacity(boost::asio::any_io_executor control, Amount total, Pressure pressure = {}, Notice notice = {});

  // Waits for room until `deadline`, and then has it all the same, beyond what there is: for what must not wait for
  // ever.
  Task<Reservation> overdraw(Tenant& tenant, Deadline deadline);
  // Waits for room. Nothing when the coroutine was cancelled, or `deadline` passed. `tenant` must live until then and
  // as long as the reservation.
  Task<std::optional<Reservation>> reserve(Tenant& tenant, Deadline deadline = Deadline::never());
  // InvalidArgument that names `object` and the setting, when there can never be room for this.
  Result<void> check(const std::string& object, const model::Resources& resources) const;
  std::optional<std::string> pressure() const { return pressure_ ? pressure_() : std::nullopt; }
  // What that tenant would find missing now, in one line.
  std::string lack_of(const Tenant& tenant) const { return describe(tenant); }
  // The same while it waits.
  std::optional<std::string> reason_for(const Tenant& tenant) const;
  // Asks the tenants again: one of their containers became idle.
  void look_again();
  // Any thread: whether somebody waits.
  const std::atomic<bool>& is_short() const { return short_; }

  struct Account {
    Amount total, used;
    std::vector<std::string> waiting;  // "shop/hello: the host has …"
  };
  Account account() const;

 private:
  struct Waiter;
  using WaiterPtr = std::shared_ptr<Waiter>;

  bool fits(const Amount& amount, const Amount& used) const;
  WaiterPtr next() const;
  void grant();
  void make_room(const Waiter& waiter);
  void leave(const WaiterPtr& waiter);
  Reservation take(Tenant& tenant, const Amount& amount);
  void give_back(Reservation& reservation);
  std::string describe(const Tenant& tenant) const;

  const boost::asio::any_io_executor control_;
  const Amount total_;
  const Pressure pressure_;
  const Notice notice_;
  Amount used_;
  Amount leaving_;  // of used_
  std::map<Tenant*, int> held_;
  std::list<WaiterPtr> waiting_;
  std::atomic<bool> short_ = false;
};

// "640 MiB", "1.5 GiB".
std::string memory_in_words(std::int64_t mb);

}  // namespace bimodal::scheduler

// Functions that are called at points in time. Loop-bound; an Alarm that is destroyed doesn't ring.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "async/deadline.h"
#include "async/pulse.h"
#include "async/task.h"

namespace bimodal::calls {

class Alarms {
  using Key = std::pair<Deadline::Clock::time_point, std::uint64_t>;

 public:
  // Must not outlive its Alarms. Movable.
  class Alarm {
   public:
    Alarm() = default;
    Alarm(Alarm&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), key_(other.key_) {}
    Alarm& operator=(Alarm&& other) noexcept {
      cancel();
      owner_ = std::exchange(other.owner_, nullptr);
      key_ = other.key_;
      return *this;
    }
    ~Alarm() { cancel(); }
    void cancel() {
      if (auto* owner = std::exchange(owner_, nullptr)) owner->entries_.erase(key_);
    }

   private:
    friend class Alarms;
    Alarm(Alarms* owner, Key key) : owner_(owner), key_(key) {}
    Alarms* owner_ = nullptr;
    Key key_{};
  };

  explicit Alarms(boost::asio::any_io_executor executor) : changed_(std::move(executor)) {}

  // `ring` is called once, on the loop.
  [[nodiscard]] Alarm at(Deadline deadline, std::function<void()> ring);
  // The same, without a way back.
  void later(Deadline deadline, std::function<void()> ring);
  // Nothing rings any more.
  void clear() { entries_.clear(); }

  // Rings until it is cancelled.
  Task<void> run();

 private:
  Key add(Deadline deadline, std::function<void()> ring);
  void ring_due();

  std::map<Key, std::function<void()>> entries_;
  std::uint64_t next_id_ = 0;
  Pulse changed_;  // the first entry is another one
};

}  // namespace bimodal::calls

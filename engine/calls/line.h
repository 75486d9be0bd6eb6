// The inputs of one function that wait for a slot. Loop-bound.
//
// An input takes a slot of the function's pool as a web request does: from the same queue, first come first served. Of
// a long line only the first kMaxFeeders stand in that queue, which leaves room for others.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "async/scope.h"
#include "calls/call.h"
#include "scheduler/functions.h"

namespace bimodal::calls {

class Line : public std::enable_shared_from_this<Line> {
 public:
  static constexpr std::size_t kMaxFeeders = 500;

  // What becomes of an input. Both outlive the line's feeders.
  class Ends {
   public:
    // It has a slot.
    virtual Task<void> hand_over(InputPtr input, scheduler::Lease lease) = 0;
    // No container can be started for it: FailedPrecondition with the reason. Its app is stopped: Unavailable. Else as
    // the source has no pool.
    virtual void give_up(InputPtr input, Error reason) = 0;

   protected:
    ~Ends() = default;
  };

  // Feeders are tasks of `scope`.
  Line(Scope& scope, std::shared_ptr<scheduler::PoolSource> source, Ends& ends);

  void add(InputPtr input);
  void add_first(InputPtr input);  // one that had a slot before
  // Drops inputs that have ended meanwhile.
  void prune();
  std::size_t size() const { return waiting_.size(); }
  // Those that don't stand in the pool's queue.
  std::size_t behind() const { return waiting_.size() - std::min(waiting_.size(), feeders_); }
  bool is_idle() const { return waiting_.empty() && feeders_ == 0; }

 private:
  void call_feeder();
  static Task<void> feed(std::shared_ptr<Line> self);
  Task<bool> feed_one();
  InputPtr next();
  void give_all_up(const Error& reason);

  Scope& scope_;
  const std::shared_ptr<scheduler::PoolSource> source_;
  Ends& ends_;
  std::deque<InputPtr> waiting_;
  std::size_t feeders_ = 0;
};

}  // namespace bimodal::calls

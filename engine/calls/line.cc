#include "calls/line.h"

#include <algorithm>
#include <utility>

#include "async/pulse.h"

namespace bimodal::calls {

using scheduler::Lease;

namespace {

// When the pool's queue is full of others, or a pool is just being replaced.
constexpr auto kPause = std::chrono::milliseconds(100);

// True as long as this lives, also when the coroutine that has it is cancelled.
class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace

Line::Line(Scope& scope, std::shared_ptr<scheduler::PoolSource> source, Ends& ends)
    : scope_(scope), source_(std::move(source)), ends_(ends) {}

void Line::add(InputPtr input) {
  waiting_.push_back(std::move(input));
  call_feeder();
}

void Line::add_first(InputPtr input) {
  waiting_.push_front(std::move(input));
  call_feeder();
}

void Line::prune() {
  std::erase_if(waiting_, [](const InputPtr& input) { return input->ended(); });
}

void Line::call_feeder() {
  if (feeders_ < std::min(waiting_.size(), kMaxFeeders)) scope_.spawn(feed(shared_from_this()));
}

Task<void> Line::feed(std::shared_ptr<Line> self) {
  const Counted counted(self->feeders_);
  while (!self->waiting_.empty()) {
    const bool go_on = co_await self->feed_one();
    if (!go_on) co_return;
  }
}

// False when the feeder was cancelled.
Task<bool> Line::feed_one() {
  auto found = source_->pool();
  if (!found) {
    give_all_up(found.error());
    co_return true;
  }
  const auto pool = *std::move(found);
  std::optional<Lease> lease = pool->try_acquire();
  if (!lease) {
    auto acquired = co_await pool->acquire(Deadline::never());
    if (!acquired && acquired.error().code == Code::Cancelled) co_return false;
    if (!acquired && acquired.error().code == Code::FailedPrecondition) {
      give_all_up(acquired.error());
      co_return true;
    }
    if (!acquired) co_return co_await sleep_until(Deadline::after(kPause));
    lease.emplace(*std::move(acquired));
  }
  auto input = next();
  if (input) co_await ends_.hand_over(std::move(input), *std::move(lease));
  co_return true;
}

InputPtr Line::next() {
  while (!waiting_.empty()) {
    InputPtr input = std::move(waiting_.front());
    waiting_.pop_front();
    if (!input->ended()) return input;
  }
  return nullptr;
}

void Line::give_all_up(const Error& reason) {
  auto waiting = std::exchange(waiting_, {});
  for (InputPtr& input : waiting) {
    if (!input->ended()) ends_.give_up(std::move(input), reason);
  }
}

}  // namespace bimodal::calls

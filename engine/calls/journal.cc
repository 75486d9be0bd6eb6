#include "calls/journal.h"

#include <utility>

#include "base/log.h"

namespace bimodal::calls {

Journal::Journal(boost::asio::any_io_executor executor, BlockingPool& pool, store::Database& database)
    : pool_(pool),
      database_(database),
      asked_(executor),
      done_(executor),
      released_(executor),
      scope_(executor, "journal of calls") {}

void Journal::add(Change change, Written written) {
  filling_->changes.push_back(std::move(change));
  if (written) filling_->written.push_back(std::move(written));
  start();
}

void Journal::start() {
  if (std::exchange(runs_, true)) return;
  scope_.spawn(write_all());
}

Task<Result<void>> Journal::flush() {
  BatchPtr batch = filling_->changes.empty() ? writing_ : filling_;
  if (!batch || batch->outcome) co_return Result<void>();
  urgent_ = true;
  asked_.notify_all();
  while (!batch->outcome) {
    if (!co_await done_.wait(Deadline::never())) co_return error(Code::Cancelled, "waiting for the disk was cancelled");
  }
  co_return *batch->outcome;
}

Task<void> Journal::write_all() {
  const Deadline patience = Deadline::after(kPatience);
  while (!urgent_ && co_await asked_.wait(patience)) {
  }
  while (!filling_->changes.empty()) {
    urgent_ = false;
    writing_ = std::exchange(filling_, std::make_shared<Batch>());
    co_await write(writing_);
    if (urgent_ || filling_->changes.empty()) continue;
    const Deadline next = Deadline::after(kPatience);
    while (!urgent_ && co_await asked_.wait(next)) {
    }
  }
  urgent_ = runs_ = false;
}

Task<void> Journal::hold() {
  while (runs_) {
    urgent_ = true;
    asked_.notify_all();
    co_await done_.wait(Deadline::after(kPatience));
  }
  held_ = true;
}

void Journal::release() {
  held_ = false;
  released_.notify_all();
}

void Journal::abandon() {
  abandoned_ = true;
  release();
}

Task<void> Journal::write(BatchPtr batch) {
  while (held_) co_await released_.wait(Deadline::never());
  if (abandoned_) {
    batch->changes.clear();
    batch->outcome = error(Code::Unavailable, "Another daemon has taken over; try again");
    done_.notify_all();
    co_return;
  }
  auto work = [this, batch] {
    return database_.transact([&](store::Transaction& transaction) -> Result<void> {
      for (const Change& change : batch->changes) TRY_VOID(change(transaction));
      return {};
    });
  };
  Result<void> outcome = co_await pool_.run(std::move(work));
  if (!outcome) {
    log::error("calls: {} changes are not written: {}", batch->changes.size(), outcome.error().message);
  } else {
    for (const Written& written : batch->written) written();
  }
  batch->changes.clear();
  batch->outcome = std::move(outcome);
  done_.notify_all();
}

Task<void> Journal::close() {
  release();
  while (runs_) {
    urgent_ = true;
    asked_.notify_all();
    co_await done_.wait(Deadline::after(kPatience));
  }
  co_await scope_.close();
}

}  // namespace bimodal::calls

#include "rpc/replays.h"

namespace bimodal::rpc {

Task<Result<SharedMessage>> Replays::run_once(const Method& method, Call call, std::unique_ptr<Message> request) {
  if (call.caller.idempotency_key.empty()) co_return co_await method.run(std::move(call), std::move(request), nullptr);
  const std::string key = method.name + "/" + call.caller.task_id + "/" + call.caller.idempotency_key;
  drop_old();
  while (true) {
    auto found = entries_.find(key);
    if (found == entries_.end()) break;
    auto earlier = found->second;
    if (!earlier->running) co_return earlier->answer;
    const bool woken = co_await earlier->finished.wait(Deadline::never());
    if (!woken) co_return error(Code::Cancelled, "{} was cancelled", method.name);
  }
  auto entry = std::make_shared<Entry>(executor_);
  entry->key = key;
  entries_.emplace(key, entry);
  // Settles the entry whatever happens: an exception leaves it failed.
  struct Settler {
    Replays& replays;
    std::shared_ptr<Entry> entry;
    SharedMessage answer;
    ~Settler() { replays.settle(entry, std::move(answer)); }
  } settler{*this, entry, nullptr};
  auto answer = co_await method.run(std::move(call), std::move(request), nullptr);
  if (answer) settler.answer = *answer;
  co_return answer;
}

void Replays::settle(const std::shared_ptr<Entry>& entry, SharedMessage answer) {
  entry->running = false;
  if (answer == nullptr) {
    entries_.erase(entry->key);
  } else {
    entry->answer = std::move(answer);
    entry->bytes = entry->answer->ByteSizeLong();
    entry->expiry = Deadline::after(kKeep);
    bytes_ += entry->bytes;
    kept_.push_back(entry);
  }
  entry->finished.notify_all();
}

void Replays::drop_old() {
  while (!kept_.empty()) {
    const auto& oldest = kept_.front();
    if (!oldest->expiry.passed() && kept_.size() <= kMaxEntries && bytes_ <= kMaxBytes) return;
    bytes_ -= oldest->bytes;
    entries_.erase(oldest->key);
    kept_.pop_front();
  }
}

}  // namespace bimodal::rpc

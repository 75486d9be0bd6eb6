#include "gateway/kept_answers.h"

#include <algorithm>
#include <iterator>

namespace bimodal::gateway {

std::size_t KeptAnswer::size() const {
  std::size_t size = sizeof(KeptAnswer) + token.size() + function_id.size() + body.size();
  for (const auto& [name, value] : headers) size += sizeof(headers[0]) + name.size() + value.size();
  return size;
}

void KeptAnswers::keep(KeptAnswer answer) {
  const std::lock_guard lock(mutex_);
  bytes_ += answer.size();
  entries_.push_back({std::move(answer), Deadline::after(patience_)});
  forget_old_locked();
}

std::optional<KeptAnswer> KeptAnswers::take(const std::string& token, const std::string& function_id) {
  const std::lock_guard lock(mutex_);
  forget_old_locked();
  const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return entry.answer.token == token && entry.answer.function_id == function_id;
  });
  if (found == entries_.end()) return std::nullopt;
  KeptAnswer answer = std::move(found->answer);
  bytes_ -= answer.size();
  entries_.erase(found);
  count_ = entries_.size();
  return answer;
}

std::vector<KeptAnswer> KeptAnswers::take_all() {
  const std::lock_guard lock(mutex_);
  std::vector<KeptAnswer> all;
  for (Entry& entry : entries_) all.push_back(std::move(entry.answer));
  entries_.clear();
  bytes_ = count_ = 0;
  return all;
}

void KeptAnswers::forget_old_locked() {
  while (!entries_.empty() && (entries_.front().until.passed() || bytes_ > kMaxBytes)) {
    bytes_ -= entries_.front().answer.size();
    entries_.pop_front();
  }
  count_ = entries_.size();
}

}  // namespace bimodal::gateway

// Answers of calls that were redirected (edge.redirect_after) by a daemon before this one, kept until their callers
// come for them. Thread-safe.
//
// Bounds: kMaxBytes of them; beyond, the oldest go. Each is kept for `patience`, and had once.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "async/deadline.h"

namespace bimodal::gateway {

struct KeptAnswer {
  std::string token;  // "fc-…": who knows it may have the answer
  std::string function_id;
  std::string request_id;
  int status = 500;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::size_t size() const;  // in memory, about
};

class KeptAnswers {
 public:
  static constexpr std::size_t kMaxBytes = 64 << 20;
  static constexpr std::size_t kMaxBody = 8 << 20;  // a longer one isn't handed on: its call fails

  explicit KeptAnswers(std::chrono::milliseconds patience) : patience_(patience) {}

  // Whether a daemon before this one still works on some.
  void set_expected(bool expected) { expected_ = expected; }
  bool expected() const { return expected_; }
  // Whether take() may find one, now or later.
  bool concerned() const { return expected_ || count_ > 0; }

  void keep(KeptAnswer answer);
  // Nothing when there is none for that function.
  std::optional<KeptAnswer> take(const std::string& token, const std::string& function_id);
  std::vector<KeptAnswer> take_all();

 private:
  struct Entry {
    KeptAnswer answer;
    Deadline until;
  };

  void forget_old_locked();

  const std::chrono::milliseconds patience_;
  std::atomic<bool> expected_ = false;
  std::atomic<std::size_t> count_ = 0;
  std::mutex mutex_;
  std::list<Entry> entries_;  // oldest first
  std::size_t bytes_ = 0;
};

}  // namespace bimodal::gateway

// Answers of finished mutations by idempotency key, so that a retried attempt gets the first answer again (protocol
// §0.7).
//
// Loop-bound. Keeps an answer for kKeep unless more than kMaxEntries or kMaxBytes are kept: then the oldest go first.
// A failed call isn't kept: its retry runs again.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "async/deadline.h"
#include "async/pulse.h"
#include "rpc/service.h"

namespace bimodal::rpc {

class Replays {
 public:
  static constexpr std::chrono::minutes kKeep{5};
  static constexpr std::size_t kMaxEntries = 8192;
  static constexpr std::size_t kMaxBytes = 64 << 20;

  explicit Replays(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  // Runs `method`, or joins the attempt of the same key that runs already, or gives the answer that it gave.
  // An empty key always runs.
  Task<Result<SharedMessage>> run_once(const Method& method, Call call, std::unique_ptr<Message> request);

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    Deadline expiry = Deadline::never();
    Pulse finished;
    bool running = true;
    SharedMessage answer;  // null when it failed
    std::size_t bytes = 0;
    explicit Entry(boost::asio::any_io_executor executor) : finished(std::move(executor)) {}
  };

  // A null answer: the attempt failed.
  void settle(const std::shared_ptr<Entry>& entry, SharedMessage answer);
  void drop_old();

  boost::asio::any_io_executor executor_;
  std::unordered_map<std::string, std::shared_ptr<Entry>> entries_;
  std::list<std::shared_ptr<Entry>> kept_;  // finished ones, oldest first
  std::size_t bytes_ = 0;
};

}  // namespace bimodal::rpc

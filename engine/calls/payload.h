// Bytes of an input or an output: in memory, in the database, or both. Loop-bound, but for the bytes, which never
// change.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

namespace bimodal::calls {

struct Payload {
  std::shared_ptr<const std::string> bytes;  // null: in the database only
  bool is_stored = false;                    // in the database, too
};

// Counts the payloads in memory, so that those which the database has as well can be dropped.
class PayloadBudget {
 public:
  explicit PayloadBudget(std::size_t most) : most_(most) {}

  std::shared_ptr<const std::string> keep(std::string bytes) {
    auto release = [in_memory = in_memory_](const std::string* kept) {
      *in_memory -= kept->size();
      delete kept;
    };
    *in_memory_ += bytes.size();
    return std::shared_ptr<const std::string>(new std::string(std::move(bytes)), std::move(release));
  }

  // `payload` is in the database now: leaves memory unless it is small or there is room.
  void stored(Payload& payload) const {
    payload.is_stored = true;
    if (payload.bytes && payload.bytes->size() > kSmall && *in_memory_ > most_) payload.bytes = nullptr;
  }

 private:
  static constexpr std::size_t kSmall = 1024;  // little more than what an input takes anyway

  const std::size_t most_;
  std::shared_ptr<std::atomic<std::size_t>> in_memory_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace bimodal::calls

#include "courier.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "held_output.h"

namespace bimodal::runner {
namespace {

using Clock = HeldOutput::Clock;

class Courier {
 public:
  bool look_after(const std::shared_ptr<HeldOutput>& held);

 private:
  static void* run(void* self);
  [[noreturn]] void run();
  bool start();

  std::mutex mutex_;  // of all that follows
  std::condition_variable wanted_;
  std::vector<std::shared_ptr<HeldOutput>> looked_after_;  // one for each connection with held answers
  bool asked_ = false;                                     // somebody held something since the last look
  bool started_ = false;
};

bool Courier::look_after(const std::shared_ptr<HeldOutput>& held) {
  const std::scoped_lock lock(mutex_);
  if (!started_ && !start()) return false;
  asked_ = true;
  if (std::ranges::find(looked_after_, held) != looked_after_.end()) return true;
  looked_after_.push_back(held);
  if (looked_after_.size() == 1) wanted_.notify_one();
  return true;
}

// With a small stack and no signals: those are the application's.
bool Courier::start() {
  constexpr std::size_t kStack = std::size_t{64} * 1024;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, kStack);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const bool started = pthread_create(&thread, &attributes, run, this) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return started_ = started;
}

void* Courier::run(void* self) {
  static_cast<Courier*>(self)->run();
}

// Forgets what holds nothing only when nothing was held for a whole nap: to be woken costs more than to look.
void Courier::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wanted_.wait(lock, [this] { return !looked_after_.empty(); });
    const auto looked_after = looked_after_;  // a copy: nobody waits for this lock while something is written
    asked_ = false;
    lock.unlock();
    const Clock::time_point now = Clock::now();
    Clock::time_point next = Clock::time_point::max();
    for (const auto& held : looked_after) next = std::min(next, held->write_late(now));
    const bool waits = next != Clock::time_point::max();
    std::this_thread::sleep_until(std::min(next, now + HeldOutput::kLongest));
    lock.lock();
    if (!waits && !asked_) looked_after_.clear();
  }
}

Courier* courier = new Courier;  // for as long as the process: its thread has no other end

}  // namespace

bool look_after(const std::shared_ptr<HeldOutput>& held) {
  return courier->look_after(held);
}

void renew_courier() {
  courier = new Courier;  // the other's lock may be held by a thread that isn't here
}

}  // namespace bimodal::runner

// Readiness of many descriptors on one loop, handled in batches called turns. Loop-bound.
//
// The descriptors sit in an epoll set of their own inside the loop's, level-triggered: a connection costs no memory
// here and no system call per request, and what its peers should be told is gathered during the turn and written once
// at the end of it (defer()).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "async/loop.h"

namespace bimodal::http {

class Poller {
 public:
  // Something that retire() can destroy.
  class Retirable {
   public:
    virtual ~Retirable() = default;
  };

  // Something with a descriptor. Outlives its watch().
  class Source : public Retirable {
   public:
    virtual void on_ready(std::uint32_t events) = 0;  // EPOLLIN | EPOLLOUT | …
    virtual void on_turn_end() {}                     // asked for by defer()

   private:
    friend class Poller;
    bool deferred_ = false;
    bool again_ = false;
  };

  explicit Poller(Loop& loop);
  ~Poller();  // not during a turn

  void watch(int fd, std::uint32_t events, Source& source);
  void change(int fd, std::uint32_t events, Source& source);
  // After this `source` hears nothing more, not even what this turn has found already.
  void forget(int fd, Source& source);

  // Calls source.on_turn_end() once, at the end of the running turn, or soon when none is running.
  void defer(Source& source);
  // Calls source.on_ready(EPOLLIN) with the next batch of events, though its descriptor may have none: it has read
  // bytes that it couldn't use yet.
  void again(Source& source);
  // When the running turn's batch came, or now outside of turns: what happens in a batch happens at one time, for which
  // the clock is asked once.
  std::int64_t now_ns();
  // Destroys `object` at the end of the turn: it may stand on the call stack now. A source is forgotten already.
  void retire(std::unique_ptr<Retirable> object);

 private:
  struct Epoll;

  void wait();
  void turn();
  bool dispatch_batch();  // whether it's worth asking for another at once
  void finish_turn();
  void finish_turn_soon();
  void read_again();
  void read_again_soon();

  Loop& loop_;
  std::shared_ptr<Epoll> epoll_;
  std::vector<Source*> deferred_;
  std::vector<std::unique_ptr<Retirable>> retired_;
  std::vector<Source*> again_;    // for the next batch
  std::vector<Source*> reading_;  // of this batch, still to be called
  std::int64_t batch_ns_ = 0;     // 0: not asked yet
  bool in_turn_ = false;
  bool finish_posted_ = false;
  bool turn_posted_ = false;
};

}  // namespace bimodal::http

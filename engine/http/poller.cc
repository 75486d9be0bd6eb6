#include "http/poller.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>

#include "async/deadline.h"
#include "base/check.h"

namespace bimodal::http {
namespace {

constexpr int kBatch = 256;
constexpr int kMaxBatchesPerTurn = 4;  // then the loop's other work gets its chance
// A smaller batch isn't asked after: little has come meanwhile, and the loop's own wait tells of that.
constexpr int kBusyBatch = 4;

}  // namespace

struct Poller::Epoll {
  Epoll(boost::asio::io_context& context, int fd) : fd(fd), descriptor(context, fd) {}
  int fd;
  boost::asio::posix::stream_descriptor descriptor;  // owns fd
  std::array<epoll_event, kBatch> events;
  int at = 0;
  int count = 0;
};

Poller::Poller(Loop& loop) : loop_(loop) {
  int fd = ::epoll_create1(EPOLL_CLOEXEC);
  CHECK(fd >= 0);
  epoll_ = std::make_shared<Epoll>(loop.context(), fd);
  wait();
}

Poller::~Poller() {
  boost::system::error_code ignored;
  epoll_->descriptor.close(ignored);
}

void Poller::watch(int fd, std::uint32_t events, Source& source) {
  epoll_event event{.events = events, .data = {.ptr = &source}};
  CHECK(::epoll_ctl(epoll_->fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

void Poller::change(int fd, std::uint32_t events, Source& source) {
  epoll_event event{.events = events, .data = {.ptr = &source}};
  CHECK(::epoll_ctl(epoll_->fd, EPOLL_CTL_MOD, fd, &event) == 0);
}

void Poller::forget(int fd, Source& source) {
  ::epoll_ctl(epoll_->fd, EPOLL_CTL_DEL, fd, nullptr);
  for (int i = epoll_->at; i < epoll_->count; ++i) {
    if (epoll_->events[i].data.ptr == &source) epoll_->events[i].data.ptr = nullptr;
  }
  if (source.deferred_) {
    std::replace(deferred_.begin(), deferred_.end(), &source, static_cast<Source*>(nullptr));
    source.deferred_ = false;
  }
  std::replace(reading_.begin(), reading_.end(), &source, static_cast<Source*>(nullptr));
  if (source.again_) {
    std::erase(again_, &source);
    source.again_ = false;
  }
}

void Poller::again(Source& source) {
  if (source.again_) return;
  source.again_ = true;
  again_.push_back(&source);
  if (!in_turn_) read_again_soon();
}

void Poller::defer(Source& source) {
  if (source.deferred_) return;
  source.deferred_ = true;
  deferred_.push_back(&source);
  finish_turn_soon();
}

void Poller::retire(std::unique_ptr<Retirable> object) {
  retired_.push_back(std::move(object));
  finish_turn_soon();
}

std::int64_t Poller::now_ns() {
  if (in_turn_ && batch_ns_ != 0) return batch_ns_;
  const std::int64_t now = std::chrono::nanoseconds(Deadline::Clock::now().time_since_epoch()).count();
  if (in_turn_) batch_ns_ = now;
  return now;
}

void Poller::wait() {
  auto turn_when_ready = [this, alive = std::weak_ptr<Epoll>(epoll_)](boost::system::error_code) {
    if (alive.expired()) return;  // the poller went while this was queued
    turn();
    wait();
  };
  epoll_->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read, std::move(turn_when_ready));
}

void Poller::turn() {
  in_turn_ = true;
  bool busy = true;
  for (int i = 0; i < kMaxBatchesPerTurn && busy; ++i) {
    busy = dispatch_batch();
    finish_turn();
  }
  in_turn_ = false;
  if (!again_.empty()) read_again_soon();
}

bool Poller::dispatch_batch() {
  batch_ns_ = 0;
  epoll_->count = ::epoll_wait(epoll_->fd, epoll_->events.data(), kBatch, 0);
  for (epoll_->at = 0; epoll_->at < epoll_->count;) {
    epoll_event event = epoll_->events[epoll_->at++];
    if (event.data.ptr) static_cast<Source*>(event.data.ptr)->on_ready(event.events);
  }
  const bool busy = epoll_->count >= kBusyBatch || !again_.empty();
  read_again();
  return busy;
}

void Poller::read_again() {
  reading_.swap(again_);
  for (Source* source : reading_) {
    if (source) source->again_ = false;
  }
  for (std::size_t i = 0; i < reading_.size(); ++i) {
    if (Source* source = std::exchange(reading_[i], nullptr)) source->on_ready(EPOLLIN);
  }
  reading_.clear();
}

void Poller::read_again_soon() {
  if (turn_posted_) return;
  turn_posted_ = true;
  loop_.post([this, alive = std::weak_ptr<Epoll>(epoll_)] {
    if (alive.expired()) return;
    turn_posted_ = false;
    turn();
  });
}

// The list grows while it is walked: a source that reads on may make others write.
void Poller::finish_turn() {
  for (std::size_t i = 0; i < deferred_.size(); ++i) {
    Source* source = deferred_[i];
    if (!source) continue;
    source->deferred_ = false;
    source->on_turn_end();
  }
  deferred_.clear();
  std::vector<std::unique_ptr<Retirable>> retired;
  retired.swap(retired_);
}

void Poller::finish_turn_soon() {
  if (in_turn_ || finish_posted_) return;
  finish_posted_ = true;
  loop_.post([this, alive = std::weak_ptr<Epoll>(epoll_)] {
    if (alive.expired()) return;
    finish_posted_ = false;
    batch_ns_ = 0;
    in_turn_ = true;
    finish_turn();
    in_turn_ = false;
    if (!again_.empty()) read_again_soon();
  });
}

}  // namespace bimodal::http

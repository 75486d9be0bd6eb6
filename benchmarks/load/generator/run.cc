#include "run.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <deque>
#include <random>

namespace load {
namespace {

constexpr double kPatience = 10.0;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int dial(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw Void(std::string("connect: ") + std::strerror(errno));
  return fd;
}

// A connection that has said its greeting. Blocking until then, not afterwards.
class Connection {
 public:
  Connection(std::uint16_t port, const Protocol& protocol) : fd_(dial(port)) {
    const std::string greeting = protocol.greeting();
    if (greeting.empty()) return;
    if (send(fd_, greeting.data(), greeting.size(), MSG_NOSIGNAL) < 0) throw Void("the greeting wasn't sent");
    while (in_.find("\r\n\r\n") == std::string::npos) read_more(0);
    const std::size_t end = in_.find("\r\n\r\n") + 4;
    protocol.check_greeting(std::string_view(in_).substr(0, end));
    in_.erase(0, end);
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int fd() const { return fd_; }
  bool is_writing() const { return !unsent_.empty(); }

  void ask(const Protocol& protocol, double due) {
    due_ = due;
    unsent_ = protocol.question();
    write_more();
  }

  void write_more() {
    while (!unsent_.empty()) {
      const auto count = send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0 && errno == EAGAIN) return;
      if (count < 0) throw Void(std::string("send: ") + std::strerror(errno));
      unsent_.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  // True when the answer is whole.
  bool take(Protocol& protocol) {
    while (read_more(MSG_DONTWAIT)) {
    }
    const std::size_t bytes = in_.empty() ? 0 : protocol.answer(in_);
    in_.erase(0, bytes);
    return bytes > 0;
  }

  double due() const { return due_; }

 private:
  // Whether there may be more. Throws Void when the server has closed.
  bool read_more(int flags) {
    static std::array<char, 1 << 16> buffer;
    const auto count = recv(fd_, buffer.data(), buffer.size(), flags);
    if (count < 0 && errno == EAGAIN) return false;
    if (count <= 0) throw Void("the server closed a connection");
    in_.append(buffer.data(), static_cast<std::size_t>(count));
    return static_cast<std::size_t>(count) == buffer.size();
  }

  int fd_;
  std::string in_;
  std::string_view unsent_;  // of the protocol's question
  double due_ = 0;
};

class Run {
 public:
  Run(Protocol& protocol, const RunOptions& options)
      : protocol_(protocol), options_(options), epoll_(epoll_create1(EPOLL_CLOEXEC)), gap_(options.rate) {
    for (int i = 0; i < options.connections; ++i) {
      Connection& one = connections_.emplace_back(options.port, protocol);
      epoll_event event{.events = EPOLLIN, .data = {.ptr = &one}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, one.fd(), &event);
      free_.push_back(&one);
    }
  }
  ~Run() { close(epoll_); }

  Outcome operator()() {
    const double begin = now();
    end_ = begin + options_.seconds;
    next_due_ = begin;
    if (options_.rate <= 0)
      while (!free_.empty()) begin_question(begin);
    for (double at = begin; !is_over(at); at = now()) {
      ask_what_is_due(at);
      wait(at);
    }
    outcome_.seconds = options_.seconds;
    return std::move(outcome_);
  }

 private:
  bool is_over(double at) const {
    if (options_.rate <= 0) return at >= end_;
    const bool is_idle = waiting_.empty() && free_.size() == connections_.size();
    if (at >= end_ + kPatience) throw Void("the server doesn't keep up with the rate");
    return next_due_ >= end_ && is_idle;
  }

  void ask_what_is_due(double at) {
    if (options_.rate <= 0) return;
    for (; next_due_ <= at && next_due_ < end_; next_due_ += gap_(dice_)) {
      if (!free_.empty()) outcome_.lateness.push_back(static_cast<float>(at - next_due_));
      waiting_.push_back(next_due_);
    }
    while (!waiting_.empty() && !free_.empty()) {
      begin_question(waiting_.front());
      waiting_.pop_front();
    }
  }

  void begin_question(double due) {
    Connection* one = free_.front();
    free_.pop_front();
    one->ask(protocol_, due);
    if (one->is_writing()) watch(*one, EPOLLIN | EPOLLOUT);
  }

  void wait(double at) {
    const double until = options_.rate > 0 && next_due_ < end_ ? next_due_ : end_ + kPatience;
    const double pause = std::max(0.0, std::min(until, options_.rate > 0 ? until : end_) - at);
    timespec timeout{.tv_sec = static_cast<time_t>(pause), .tv_nsec = static_cast<long>(std::fmod(pause, 1.0) * 1e9)};
    std::array<epoll_event, 256> events;
    const int count = epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
    for (int i = 0; i < count; ++i) handle(*static_cast<Connection*>(events[i].data.ptr), events[i].events);
  }

  void handle(Connection& one, std::uint32_t events) {
    if (events & EPOLLOUT) {
      one.write_more();
      if (!one.is_writing()) watch(one, EPOLLIN);
    }
    if (!(events & ~static_cast<std::uint32_t>(EPOLLOUT)) || !one.take(protocol_)) return;
    const double at = now();
    outcome_.latencies.push_back(static_cast<float>(at - one.due()));
    ++outcome_.answers;
    free_.push_back(&one);
    if (options_.rate <= 0) begin_question(at);
  }

  void watch(Connection& one, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.ptr = &one}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, one.fd(), &event);
  }

  Protocol& protocol_;
  const RunOptions& options_;
  int epoll_;
  std::deque<Connection> connections_;
  std::deque<Connection*> free_;  // asked in turn, so that all stay in use
  std::deque<double> waiting_;    // when they were due; bounded by rate x (seconds + patience)
  std::mt19937_64 dice_{20261122};
  std::exponential_distribution<double> gap_;
  double end_ = 0, next_due_ = 0;
  Outcome outcome_;
};

}  // namespace

Outcome run(Protocol& protocol, const RunOptions& options) {
  return Run(protocol, options)();
}

}  // namespace load

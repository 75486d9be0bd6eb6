// A runner for tests and measurements: speaks wire frames on a Unix socket, and answers by the path of the request
// (fake_answers.h). Runs on a thread of its own from construction to destruction.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/unique_fd.h"
#include "gateway/fake_answers.h"
#include "gateway/fake_connection.h"

namespace bimodal::gateway {

class FakeRunner {
 public:
  explicit FakeRunner(std::string path) : path_(std::move(path)), wake_(::eventfd(0, EFD_CLOEXEC)) {
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    CHECK(path_.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path_.data(), path_.size());
    ::unlink(path_.c_str());
    CHECK(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(::listen(listener_.get(), 64) == 0);
    thread_ = std::thread([this] { run(); });
  }

  ~FakeRunner() {
    stopping_ = true;
    wake();
    thread_.join();
    ::unlink(path_.c_str());
  }

  const std::string& path() const { return path_; }
  int requests() const { return answers_.requests(); }
  std::vector<std::uint32_t> closes() const { return answers_.closes(); }
  std::vector<std::uint32_t> cancels() const { return answers_.cancels(); }

  // Reads nothing more from any socket until resume().
  void pause() {
    paused_ = true;
    wake();
  }
  void resume() { paused_ = false; }
  // Set before the gateway connects.
  std::atomic<bool> keeps_tally = true;
  // Bytes that have come while it was paused, the gateway's own first frame not counted.
  int unread() const { return unread_; }
  // What the process of a container does when it is killed: closes every connection, with what is unread. The next ones
  // meet a new one.
  void die() {
    dies_ = true;
    wake();
  }

 private:
  void wake() {
    const std::uint64_t one = 1;
    CHECK(::write(wake_.get(), &one, sizeof one) == sizeof one);
  }

  void run() {
    while (!stopping_) {
      std::vector<pollfd> polled{{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
      for (auto& connection : connections_) {
        short events = paused_ ? 0 : POLLIN;
        if (!connection->out.empty()) events |= POLLOUT;
        polled.push_back({connection->socket.get(), events, 0});
      }
      ::poll(polled.data(), polled.size(), paused_ ? 10 : 1000);
      if (polled[1].revents & POLLIN) forget_wake();
      if (paused_) count_unread();
      for (std::size_t i = 2; i < polled.size(); ++i) {
        if ((polled[i].revents & POLLIN) && !paused_) read(*connections_[i - 2]);
        connections_[i - 2]->flush();
      }
      if (dies_.exchange(false)) end();
      std::erase_if(connections_, [](auto& connection) { return connection->dead; });
      if (polled[0].revents & POLLIN) accept();
    }
  }

  void forget_wake() {
    std::uint64_t count;
    CHECK(::read(wake_.get(), &count, sizeof count) == sizeof count);
  }

  void count_unread() {
    int all = 0;
    for (auto& connection : connections_) {
      int size = 0;
      ::ioctl(connection->socket.get(), FIONREAD, &size);
      if (size > static_cast<int>(wire::kHeaderSize)) all += size;
    }
    unread_ = all;
  }

  void end() {
    connections_.clear();
    unread_ = 0;
  }

  void accept() {
    connections_.push_back(std::make_unique<FakeConnection>(
        UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)), keeps_tally));
  }

  void read(FakeConnection& connection) {
    connection.receive();
    std::string_view bytes = connection.in;
    while (bytes.size() >= wire::kHeaderSize && !connection.dead) {
      auto header = wire::decode_frame_header(bytes.data());
      CHECK(header.has_value());
      const std::size_t size = wire::kHeaderSize + header->size;
      if (bytes.size() < size) break;
      connection.count(size);
      answers_.on_frame(connection, *header, bytes.substr(wire::kHeaderSize, header->size));
      bytes.remove_prefix(size);
    }
    connection.in.erase(0, connection.in.size() - bytes.size());
  }

  std::string path_;
  UniqueFd listener_;
  UniqueFd wake_;
  std::vector<std::unique_ptr<FakeConnection>> connections_;
  FakeAnswers answers_;
  std::atomic<bool> paused_ = false;
  std::atomic<bool> dies_ = false;
  std::atomic<int> unread_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace bimodal::gateway

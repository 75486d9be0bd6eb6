// Bytes between a client and the API's server, in whatever pace either has.
#include "gateway/api_bridge.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <thread>

#include "async/loop.h"

namespace bimodal::gateway {
namespace {

using namespace std::chrono_literals;

std::pair<UniqueFd, UniqueFd> pair(int flags) {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ends), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void make_blocking(const UniqueFd& socket) {
  ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) & ~O_NONBLOCK);
  const timeval patience{10, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

class ApiBridgeTest : public testing::Test, public ApiBridge::Owner {
 protected:
  ApiBridgeTest() {
    auto [client, client_far] = pair(SOCK_NONBLOCK);
    auto [server, server_far] = pair(SOCK_NONBLOCK);
    client_ = std::move(client_far);
    server_ = std::move(server_far);
    make_blocking(client_);
    make_blocking(server_);
    auto near = std::make_shared<std::pair<UniqueFd, UniqueFd>>(std::move(client), std::move(server));
    loop_.start();
    run([this, near] {
      reactor_ = std::make_unique<http::Reactor>(loop_);
      bridge_ = std::make_unique<ApiBridge>(
          *reactor_, http::Transport(std::move(near->first)), http::Address(), std::move(near->second), *this);
      bridge_->start();
    });
  }
  ~ApiBridgeTest() override {
    run([this] {
      bridge_.reset();
      reactor_.reset();
    });
  }

  template <typename F>
  void run(F work) {
    std::promise<void> done;
    loop_.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  void on_bridge_over(ApiBridge&) override {
    over_ = true;
    reactor_->poller().retire(std::move(bridge_));
  }

  static void send_all(const UniqueFd& socket, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(sent, 0);
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  static std::string read_all(const UniqueFd& socket) {
    std::string all;
    char part[65536];
    for (ssize_t got; (got = ::recv(socket.get(), part, sizeof part, 0)) > 0;) all.append(part, got);
    return all;
  }

  bool eventually_over() {
    for (int i = 0; i < 1000 && !over_; ++i) std::this_thread::sleep_for(10ms);
    return over_;
  }

  static std::string many(std::size_t size, char seed) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(seed + i * 31 + i / 251);
    return bytes;
  }

  Loop loop_{"test"};
  std::unique_ptr<http::Reactor> reactor_;
  std::unique_ptr<ApiBridge> bridge_;
  UniqueFd client_, server_;
  std::atomic<bool> over_ = false;
};

TEST_F(ApiBridgeTest, CarriesBothDirectionsAndEachEnd) {
  const std::string up = many(5 << 20, 1), down = many(7 << 20, 2);
  std::string got_up, got_down;
  std::thread client([&] {
    std::thread reader([&] { got_down = read_all(client_); });
    send_all(client_, up);
    ::shutdown(client_.get(), SHUT_WR);
    reader.join();
  });
  std::thread writer([&] { send_all(server_, down); });
  got_up = read_all(server_);  // ends with the client's side alone
  writer.join();
  EXPECT_FALSE(over_);
  server_.reset();
  client.join();
  EXPECT_EQ(got_up, up);
  EXPECT_EQ(got_down, down);
  EXPECT_TRUE(eventually_over());
}

TEST_F(ApiBridgeTest, HoldsAServerBackWhoseClientDoesNotRead) {
  ::fcntl(server_.get(), F_SETFL, ::fcntl(server_.get(), F_GETFL) | O_NONBLOCK);
  const std::string part = many(65536, 3);
  std::size_t sent = 0;
  for (int idle = 0; idle < 20;) {
    const ssize_t got = ::send(server_.get(), part.data(), part.size(), MSG_NOSIGNAL);
    if (got > 0) {
      sent += static_cast<std::size_t>(got);
      idle = 0;
      ASSERT_LT(sent, std::size_t{8} << 20);
    } else {
      ++idle;
      std::this_thread::sleep_for(10ms);
    }
  }
  server_.reset();  // what it wrote still arrives, all of it
  EXPECT_EQ(read_all(client_).size(), sent);
  EXPECT_TRUE(eventually_over());
}

TEST_F(ApiBridgeTest, EndsWithAClientThatGoes) {
  send_all(client_, "x");
  client_.reset();
  EXPECT_EQ(read_all(server_), "x");
  server_.reset();
  EXPECT_TRUE(eventually_over());
}

TEST_F(ApiBridgeTest, IsCutAtOnceByADrain) {
  run([this] { bridge_->drain(); });
  EXPECT_TRUE(over_);
  EXPECT_EQ(read_all(client_), "");
  EXPECT_EQ(read_all(server_), "");
}

}  // namespace
}  // namespace bimodal::gateway

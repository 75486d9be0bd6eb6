#include "http/server_connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/check.h"

namespace bimodal::http {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 10s;

// Answers by path: /now at once, /echo with the body when it is whole, /early without reading the body, /stall never
// reads the body, /slow streams on and on as far as it is read, /wait never answers.
class TestService final : public Service {
 public:
  struct Request final : Responder {
    void on_body(std::string_view bytes, Part part) override {
      body.append(bytes);
      if (!service->paused && part == Part::More) connection->grant_body(bytes.size());
      if (part == Part::Last) connection->reply(200, {}, body);
    }
    void on_sent() override { stream(); }
    void on_gone() override { ++service->gone; }
    void stream() {
      for (int i = 0; streaming && i < 16 && connection->unsent() < 64 * 1024; ++i) {
        service->streamed += 16 * 1024;
        connection->write(std::string(16 * 1024, 's'));
      }
    }
    Caller* connection = nullptr;
    TestService* service = nullptr;
    std::string body;
    bool streaming = false;
  };

  void on_request(Caller& connection, const RequestHead& head) override {
    ++requests;
    if (head.path == "/now") return connection.reply(200, {}, "now");
    request = std::make_unique<Request>();
    request->connection = &connection;
    request->service = this;
    connection.attach(*request);
    if (head.path == "/early") return connection.reply(200, {}, "early");
    if (head.path == "/echo") {
      connection.send_continue();
      if (!head.has_body()) return connection.reply(200, {}, "");
      connection.grant_body(100);
    }
    if (head.path == "/slow") {
      connection.begin_response({.status = 200, .fields = {}, .extra = {}});
      request->streaming = true;
      request->stream();
    }
  }

  void on_bad_request(Caller& connection, int status, std::string_view reason) override {
    connection.reply(status, {}, reason);
  }

  void on_closed(Connection&) override { closed.set_value(); }
  void on_passed_on(UniqueFd socket, std::string received) override {
    passed_on.set_value({std::move(socket), std::move(received)});
  }

  std::unique_ptr<Request> request;
  std::promise<void> closed;
  std::promise<std::pair<UniqueFd, std::string>> passed_on;
  bool paused = false;
  std::atomic<int> requests = 0;
  std::atomic<int> gone = 0;
  std::atomic<std::size_t> streamed = 0;
};

// One connection over a socket pair, its server end on a loop.
class ServerConnectionTest : public testing::Test {
 protected:
  ServerConnectionTest() : loop_("http") {
    int ends[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    peer_ = UniqueFd(ends[0]);
    server_end_ = UniqueFd(ends[1]);
    timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(peer_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    loop_.start();
  }

  ~ServerConnectionTest() override {
    on_loop([this] {
      connection_.reset();
      reactor_.reset();
    });
  }

  void start() {
    on_loop([this] {
      reactor_ = std::make_unique<Reactor>(loop_);
      ::fcntl(server_end_.get(), F_SETFL, O_NONBLOCK);
      connection_ = std::make_unique<ServerConnection>(*reactor_, std::move(server_end_), Address(), service_, limits_);
      connection_->start();
    });
  }

  void on_loop(std::function<void()> work) {
    std::promise<void> done;
    loop_.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t sent = ::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // Reads until `end` came, the connection closed or patience ran out.
  std::string read_until(std::string_view end) {
    std::string bytes;
    char c;
    while (!bytes.ends_with(end) && ::recv(peer_.get(), &c, 1, 0) == 1) bytes.push_back(c);
    return bytes;
  }

  std::string read_all() { return read_until(std::string(1, '\0')); }

  bool closed() { return service_.closed.get_future().wait_for(kPatience) == std::future_status::ready; }

  static std::string get(std::string_view path, std::string_view more = "") {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(more) + "\r\n";
  }

  static std::string post(std::string_view path, std::string_view more) {
    return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(more);
  }

  bool until(std::function<bool()> condition) {
    auto deadline = Deadline::after(kPatience);
    while (!condition()) {
      if (deadline.passed()) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }

  Loop loop_;
  UniqueFd peer_;
  UniqueFd server_end_;
  TestService service_;
  ConnectionLimits limits_;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<ServerConnection> connection_;
};

TEST_F(ServerConnectionTest, AnswersPipelinedRequestsInOrder) {
  start();
  send(
      get("/now") + post("/echo", "Content-Length: 3\r\n\r\none") + get("/now") +
      post("/echo", "Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n") + get("/now", "Connection: close\r\n"));
  std::string all = read_all();
  std::string bodies;
  for (std::size_t at = 0; (at = all.find("\r\n\r\n", at)) != std::string::npos;) {
    at += 4;
    bodies += all.substr(at, 3);
  }
  EXPECT_EQ(bodies, "nowonenowtwonow");
}

TEST_F(ServerConnectionTest, PassesAnIdleConnectionOnWithWhatItReadOfTheNextRequest) {
  start();
  send(get("/now") + "GET /no");
  read_until("now");
  on_loop([this] { connection_->pass_on(); });
  auto [socket, received] = service_.passed_on.get_future().get();
  EXPECT_EQ(received, "GET /no");
  EXPECT_EQ(service_.requests, 1);
  EXPECT_EQ(::send(socket.get(), "!", 1, 0), 1);
  EXPECT_EQ(read_until("!"), "!");
}

TEST_F(ServerConnectionTest, PassesABusyConnectionOnBehindItsResponseAndBeginsNoOther) {
  service_.paused = true;
  start();
  send(post("/echo", "Content-Length: 101\r\n\r\n") + std::string(101, 'x') + get("/now"));
  ASSERT_TRUE(until([&] { return service_.requests == 1; }));
  on_loop([this] { connection_->pass_on(); });
  on_loop([this] { connection_->grant_body(1); });
  EXPECT_EQ(read_until(std::string(101, 'x')).find("connection: close"), std::string::npos);
  auto [socket, received] = service_.passed_on.get_future().get();
  EXPECT_EQ(received, get("/now"));
  EXPECT_EQ(service_.requests, 1);
}

TEST_F(ServerConnectionTest, DeliversABodyOnlyAsFarAsGranted) {
  service_.paused = true;
  start();
  send(post("/echo", "Content-Length: 1000\r\n\r\n") + std::string(1000, 'x'));
  ASSERT_TRUE(until([&] { return service_.requests == 1; }));
  std::size_t delivered = 0;
  on_loop([&] { delivered = service_.request->body.size(); });
  EXPECT_EQ(delivered, 100u);
  on_loop([&] { connection_->grant_body(900); });
  EXPECT_NE(read_until(std::string(1000, 'x')).find("200 OK"), std::string::npos);
}

TEST_F(ServerConnectionTest, SendsContinueOnlyWhenAskedTo) {
  start();
  send(post("/echo", "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"));
  EXPECT_EQ(read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  send("body");
  EXPECT_NE(read_until("body").find("200 OK"), std::string::npos);
}

TEST_F(ServerConnectionTest, ClosesWhenAnExpectedBodyIsRefused) {
  start();
  send(post("/early", "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"));
  std::string response = read_all();
  EXPECT_EQ(response.find("100 Continue"), std::string::npos);
  EXPECT_NE(response.find("connection: close\r\n"), std::string::npos);
}

TEST_F(ServerConnectionTest, DropsAShortBodyThatNobodyReadAndGoesOn) {
  start();
  send(post("/early", "Content-Length: 4\r\n\r\nbody") + get("/now", "Connection: close\r\n"));
  std::string responses = read_all();
  EXPECT_NE(responses.find("early"), std::string::npos);
  EXPECT_NE(responses.find("now"), std::string::npos);
}

TEST_F(ServerConnectionTest, ClosesWhenALongBodyIsLeftUnread) {
  start();
  send(post("/early", "Content-Length: 1000000\r\n\r\n") + std::string(1000, 'x'));
  std::string response = read_all();
  EXPECT_NE(response.find("connection: close\r\n"), std::string::npos);
  EXPECT_NE(response.find("early"), std::string::npos);
}

TEST_F(ServerConnectionTest, TellsTheResponderThatTheCallerLeft) {
  start();
  send(get("/wait"));
  ASSERT_TRUE(until([&] { return service_.requests == 1; }));
  EXPECT_EQ(service_.gone, 0);
  peer_.reset();
  EXPECT_TRUE(closed());
  EXPECT_TRUE(until([&] { return service_.gone == 1; }));
}

TEST_F(ServerConnectionTest, TellsTheResponderThatTheCallerLeftThoughItPipelinedMuch) {
  start();
  send(get("/wait"));
  for (int i = 0; i < 4000; ++i) ::send(peer_.get(), get("/now").data(), get("/now").size(), MSG_DONTWAIT);
  peer_.reset();
  EXPECT_TRUE(until([&] { return service_.gone == 1; }));
  EXPECT_EQ(service_.requests, 1);
}

TEST_F(ServerConnectionTest, TellsTheResponderThatTheCallerLeftThoughItsBodyIsNotRead) {
  service_.paused = true;
  start();
  send(post("/echo", "Content-Length: 1000\r\n\r\n") + std::string(500, 'x'));
  ASSERT_TRUE(until([&] { return service_.requests == 1; }));
  ::shutdown(peer_.get(), SHUT_WR);
  EXPECT_TRUE(until([&] { return service_.gone == 1; }));
}

TEST_F(ServerConnectionTest, StopsWritingWhileTheCallerDoesNotRead) {
  start();
  send(get("/slow"));
  ASSERT_TRUE(until([&] { return service_.requests == 1; }));
  std::size_t before = 0;
  ASSERT_TRUE(until([&] { return std::exchange(before, service_.streamed.load()) == service_.streamed.load(); }));
  EXPECT_LT(service_.streamed, 4u << 20);  // what the socket's buffers hold
  char buffer[65536];
  const std::size_t stuck = service_.streamed;
  ASSERT_TRUE(until([&] { return ::recv(peer_.get(), buffer, sizeof buffer, 0) > 0 && service_.streamed > stuck; }));
}

TEST_F(ServerConnectionTest, BoundsTheResponsesThatAPipeliningCallerDoesNotRead) {
  start();
  std::string many;
  for (int i = 0; i < 1000; ++i) many += get("/now");
  std::thread sender([&] {
    for (int i = 0; i < 100; ++i) send(many);
  });
  int before = -1;
  EXPECT_TRUE(until([&] {
    std::this_thread::sleep_for(20ms);
    return std::exchange(before, service_.requests.load()) == service_.requests.load();
  }));
  EXPECT_LT(service_.requests, 100'000);
  ::shutdown(peer_.get(), SHUT_RDWR);
  sender.join();
}

TEST_F(ServerConnectionTest, RefusesAHeadThatTakesTooLong) {
  limits_.head_timeout = 150ms;
  start();
  send("GET /now HT");
  std::string response = read_all();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 408 ")) << response;
}

TEST_F(ServerConnectionTest, ClosesAConnectionThatStaysIdle) {
  limits_.idle_timeout = 150ms;
  start();
  send(get("/now"));
  std::string response = read_all();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 200 ")) << response;
  EXPECT_TRUE(closed());
}

TEST_F(ServerConnectionTest, RefusesABodyThatStalls) {
  limits_.idle_timeout = 150ms;
  start();
  send(post("/echo", "Content-Length: 4\r\n\r\nbo"));
  std::string response = read_all();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 408 ")) << response;
  EXPECT_EQ(service_.gone, 1);
}

TEST_F(ServerConnectionTest, GivesUpOnACallerThatDoesNotRead) {
  limits_.idle_timeout = 150ms;
  start();
  send(get("/slow"));
  EXPECT_TRUE(closed());
  EXPECT_TRUE(until([&] { return service_.gone == 1; }));
}

TEST_F(ServerConnectionTest, RefusesABadChunk) {
  start();
  send(post("/echo", "Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\nx\r\n"));
  std::string response = read_all();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 400 ")) << response;
  EXPECT_EQ(service_.gone, 1);
}

TEST_F(ServerConnectionTest, NeverReadsOnBehindARefusedHead) {
  start();
  send(post("/now", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n") + get("/now"));
  std::string response = read_all();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 400 ")) << response;
  EXPECT_EQ(response.find("200 OK"), std::string::npos);
  EXPECT_EQ(service_.requests, 0);
}

TEST_F(ServerConnectionTest, ClosesAtOnceWhenDrainedIdle) {
  start();
  send(get("/now"));
  read_until("now");
  on_loop([this] { connection_->drain(); });
  EXPECT_TRUE(closed());
}

TEST_F(ServerConnectionTest, FinishesTheRunningResponseWhenDrained) {
  start();
  send(post("/echo", "Content-Length: 4\r\n\r\nbo"));
  ASSERT_TRUE(until([&] { return service_.requests == 1; }));
  on_loop([this] { connection_->drain(); });
  send("dy");
  std::string response = read_all();
  EXPECT_NE(response.find("connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(response.ends_with("body"));
}

}  // namespace
}  // namespace bimodal::http

// A server connection over TLS, and what comes before it, with OpenSSL's client at the other end.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <csignal>
#include <functional>
#include <future>
#include <map>
#include <thread>

#include "base/check.h"
#include "http/arrival.h"
#include "http/server_connection.h"
#include "tls/issuing.h"

namespace bimodal::http {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kBig = 4'000'000;

// Certificates for *.test; for late.test only once it is told to, for never.test after a vain attempt.
class TestSource final : public tls::CertificateSource {
 public:
  TestSource() {
    const auto now = std::chrono::system_clock::now();
    const tls::Validity validity{.begins = now - 1h, .ends = now + 24h};
    const tls::KeyPair authority = tls::make_authority("test", validity).value();
    const tls::KeyPair pair = tls::issue(authority, {"*.test"}, validity).value();
    certificate_ = tls::Certificate::from_pem(pair.certificate, pair.key).value();
  }
  std::shared_ptr<const tls::Certificate> find(const std::string& name) override {
    if (name == "late.test" && !is_there) return nullptr;
    return name != "never.test" && certificate_->covers(name) ? certificate_ : nullptr;
  }
  bool obtain(const std::string& name, std::function<void()> then) override {
    if (name != "late.test" && name != "never.test") return false;
    asked.set_value(std::move(then));
    return true;
  }

  std::atomic<bool> is_there = false;
  std::promise<std::function<void()>> asked;

 private:
  std::shared_ptr<const tls::Certificate> certificate_;
};

// Answers /big with kBig bytes, as far as they are read, and /echo with the size of what came.
class TestService final : public Service {
 public:
  struct Request final : Responder {
    void on_body(std::string_view bytes, Part part) override {
      received += bytes.size();
      if (part == Part::Last) return caller->reply(200, {}, std::to_string(received));
      caller->grant_body(bytes.size());
    }
    void on_sent() override { stream(); }
    void on_gone() override {}
    void stream() {
      while (left > 0 && caller->unsent() < 64 * 1024) {
        const std::size_t size = std::min<std::size_t>(left, 30'000);
        left -= size;
        caller->write(std::string(size, 'b'));
      }
      if (left == 0) caller->finish();
    }
    Caller* caller = nullptr;
    std::size_t received = 0;
    std::size_t left = 0;
  };

  void on_request(Caller& caller, const RequestHead& head) override {
    tls_version = caller.tls();
    if (head.path == "/now") return caller.reply(200, {}, "now");
    request = std::make_unique<Request>();
    request->caller = &caller;
    caller.attach(*request);
    if (head.path == "/echo") return caller.grant_body(1000);
    request->left = kBig;
    ResponseHead answer{.status = 200, .fields = {}, .extra = {}};
    caller.begin_response(answer);
    request->stream();
  }
  void on_bad_request(Caller& caller, int status, std::string_view reason) override {
    caller.reply(status, {}, reason);
  }
  void on_closed(Connection&) override {}

  std::unique_ptr<Request> request;
  std::string tls_version;
};

struct FreeSsl {
  void operator()(SSL* session) const { SSL_free(session); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};

class TlsConnectionTest : public testing::Test, public Arrival::Owner {
 protected:
  TlsConnectionTest() : loop_("http") {
    std::signal(SIGPIPE, SIG_IGN);
    client_context_.reset(SSL_CTX_new(TLS_client_method()));
    context_ = tls::Context::make({.sources = {&source_}}).value();
    loop_.start();
    on_loop([this] { reactor_ = std::make_unique<Reactor>(loop_); });
  }

  ~TlsConnectionTest() override {
    on_loop([this] {
      arrival_.reset();
      connection_.reset();
      reactor_.reset();
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

  // A new caller's socket, its other end arriving.
  UniqueFd connect() {
    int ends[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    on_loop([this, fd = ends[1]] {
      arrival_ = std::make_unique<Arrival>(*reactor_, UniqueFd(fd), Address(), *context_, limits_, *this);
      arrival_->start();
    });
    return UniqueFd(ends[0]);
  }

  // OpenSSL's client on that socket; its handshake is up to the test.
  std::unique_ptr<SSL, FreeSsl> client(const UniqueFd& socket, const char* name) {
    std::unique_ptr<SSL, FreeSsl> session(SSL_new(client_context_.get()));
    SSL_set_tlsext_host_name(session.get(), name);
    SSL_set_fd(session.get(), socket.get());
    return session;
  }

  static std::string ask(SSL* session, const std::string& request) {
    CHECK(SSL_write(session, request.data(), static_cast<int>(request.size())) == static_cast<int>(request.size()));
    std::string answer;
    char buffer[4096];
    while (answer.find("\r\n\r\n") == std::string::npos) {
      const int size = SSL_read(session, buffer, sizeof buffer);
      if (size <= 0) break;
      answer.append(buffer, static_cast<std::size_t>(size));
    }
    return answer;
  }

  void on_arrived(Arrival& arrival, Transport transport) override {
    protocol_ = arrival.handshake().protocol;
    resumed_ = arrival.resumed();
    // The one before has no caller any more.
    if (connection_) reactor_->poller().retire(std::move(connection_));
    connection_ = std::make_unique<ServerConnection>(
        *reactor_, std::move(transport), arrival.peer(), service_, connection_limits_);
    connection_->start();
    reactor_->poller().retire(std::move(arrival_));
  }
  void on_lost(Arrival&, std::string_view reason) override {
    reactor_->poller().retire(std::move(arrival_));
    lost_.set_value(std::string(reason));
  }

  Loop loop_;
  TestSource source_;
  TestService service_;
  ConnectionLimits connection_limits_;
  ArrivalLimits limits_;
  std::unique_ptr<tls::Context> context_;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Arrival> arrival_;
  std::unique_ptr<ServerConnection> connection_;
  std::unique_ptr<SSL_CTX, FreeSsl> client_context_;
  std::promise<std::string> lost_;
  std::string protocol_;
  bool resumed_ = false;
};

TEST_F(TlsConnectionTest, AnswersRequests) {
  const UniqueFd socket = connect();
  const auto session = client(socket, "a.test");
  ASSERT_EQ(SSL_connect(session.get()), 1);
  EXPECT_TRUE(ask(session.get(), "GET /now HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(ask(session.get(), "GET /now HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("\r\n\r\nnow"));
  EXPECT_EQ(service_.tls_version, "TLSv1.3");
}

TEST_F(TlsConnectionTest, TakesWhatCameWithTheHandshake) {
  const UniqueFd socket = connect();
  const auto session = client(socket, "a.test");
  // Many requests in one record, read ahead of each other.
  ASSERT_EQ(SSL_connect(session.get()), 1);
  std::string many;
  for (int i = 0; i < 100; ++i) many += "GET /now HTTP/1.1\r\nHost: a\r\n\r\n";
  ASSERT_GT(SSL_write(session.get(), many.data(), static_cast<int>(many.size())), 0);
  std::string answers;
  char buffer[4096];
  int found = 0;
  while (found < 100) {
    const int size = SSL_read(session.get(), buffer, sizeof buffer);
    ASSERT_GT(size, 0);
    answers.append(buffer, static_cast<std::size_t>(size));
    for (std::size_t at; (at = answers.find("\r\n\r\nnow")) != std::string::npos; answers.erase(0, at + 7)) ++found;
  }
}

TEST_F(TlsConnectionTest, ReadsABodyAsFarAsItIsGranted) {
  const UniqueFd socket = connect();
  const auto session = client(socket, "a.test");
  ASSERT_EQ(SSL_connect(session.get()), 1);
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
  EXPECT_TRUE(ask(session.get(), head + std::string(1'000'000, 'x')).ends_with("1000000"));
}

TEST_F(TlsConnectionTest, ASlowReaderGetsItAll) {
  const UniqueFd socket = connect();
  const auto session = client(socket, "a.test");
  ASSERT_EQ(SSL_connect(session.get()), 1);
  const std::string request = "GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  ASSERT_GT(SSL_write(session.get(), request.data(), static_cast<int>(request.size())), 0);
  std::this_thread::sleep_for(50ms);  // it writes until nothing more goes
  std::size_t bytes = 0;
  std::string buffer(100'000, ' ');
  int size;
  while ((size = SSL_read(session.get(), buffer.data(), static_cast<int>(buffer.size()))) > 0) {
    bytes += std::count(buffer.begin(), buffer.begin() + size, 'b');
  }
  EXPECT_EQ(bytes, kBig);
  // Said by close_notify, without which a caller can't tell an end from a cut.
  EXPECT_EQ(SSL_get_error(session.get(), size), SSL_ERROR_ZERO_RETURN);
}

TEST_F(TlsConnectionTest, ACutIsntTakenForAnEnd) {
  const UniqueFd socket = connect();
  const auto session = client(socket, "a.test");
  ASSERT_EQ(SSL_connect(session.get()), 1);
  ask(session.get(), "GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  on_loop([this] { connection_->cut(); });
  std::string buffer(100'000, ' ');
  int size;
  while ((size = SSL_read(session.get(), buffer.data(), static_cast<int>(buffer.size()))) > 0) continue;
  EXPECT_NE(SSL_get_error(session.get(), size), SSL_ERROR_ZERO_RETURN);
}

TEST_F(TlsConnectionTest, SessionsAreResumed) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SSL_CTX_set_max_proto_version(client_context_.get(), version);
    std::unique_ptr<SSL_SESSION, FreeSsl> before;
    for (const bool expected : {false, true, true}) {
      const UniqueFd socket = connect();
      const auto session = client(socket, "a.test");
      if (before) SSL_set_session(session.get(), before.get());
      ASSERT_EQ(SSL_connect(session.get()), 1);
      ask(session.get(), "GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
      EXPECT_EQ(resumed_, expected) << version;
      EXPECT_EQ(SSL_session_reused(session.get()), expected ? 1 : 0);
      before.reset(SSL_get1_session(session.get()));
      SSL_shutdown(session.get());
    }
  }
}

TEST_F(TlsConnectionTest, OldVersionsAndProtocolsAreRefused) {
  SSL_CTX_set_security_level(client_context_.get(), 0);
  SSL_CTX_set_max_proto_version(client_context_.get(), TLS1_1_VERSION);
  const UniqueFd socket = connect();
  const auto session = client(socket, "a.test");
  EXPECT_NE(SSL_connect(session.get()), 1);
  EXPECT_EQ(lost_.get_future().get(), "unsupported protocol");
}

TEST_F(TlsConnectionTest, AgreesOnHttp1) {
  const UniqueFd socket = connect();
  const auto session = client(socket, "a.test");
  const std::string offered = "\x02h2\x08http/1.1";
  SSL_set_alpn_protos(session.get(), reinterpret_cast<const unsigned char*>(offered.data()), offered.size());
  ASSERT_EQ(SSL_connect(session.get()), 1);
  ask(session.get(), "GET /now HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(protocol_, "http/1.1");
}

TEST_F(TlsConnectionTest, RefusesAProtocolThatItDoesntSpeak) {
  const UniqueFd socket = connect();
  const auto session = client(socket, "a.test");
  const std::string offered = "\x08smtp/1.0";
  SSL_set_alpn_protos(session.get(), reinterpret_cast<const unsigned char*>(offered.data()), offered.size());
  EXPECT_NE(SSL_connect(session.get()), 1);
  EXPECT_EQ(lost_.get_future().get(), "no application protocol");
}

TEST_F(TlsConnectionTest, ANameWithoutCertificateIsRefusedByTheRightAlert) {
  const UniqueFd socket = connect();
  const auto session = client(socket, "other.example");
  EXPECT_NE(SSL_connect(session.get()), 1);
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_TLSV1_UNRECOGNIZED_NAME);
}

TEST_F(TlsConnectionTest, WaitsForACertificateThatIsBeingGot) {
  const UniqueFd socket = connect();
  const auto session = client(socket, "late.test");
  std::thread elsewhere([this] {
    const auto then = source_.asked.get_future().get();
    source_.is_there = true;
    then();
  });
  EXPECT_EQ(SSL_connect(session.get()), 1);
  elsewhere.join();
}

TEST_F(TlsConnectionTest, EndsWhenACertificateCantBeGot) {
  const UniqueFd socket = connect();
  const auto session = client(socket, "never.test");
  std::thread elsewhere([this] { source_.asked.get_future().get()(); });
  EXPECT_NE(SSL_connect(session.get()), 1);
  EXPECT_EQ(lost_.get_future().get(), "its certificate couldn't be got");
  elsewhere.join();
}

TEST_F(TlsConnectionTest, DoesntWaitForACertificateForEver) {
  limits_.certificate_timeout = 100ms;
  const UniqueFd socket = connect();
  const auto session = client(socket, "late.test");
  EXPECT_NE(SSL_connect(session.get()), 1);
  EXPECT_EQ(lost_.get_future().get(), "no certificate in time");
  source_.asked.get_future().get()();  // too late, and harmless
}

TEST_F(TlsConnectionTest, DoesntWaitForASilentCallerForEver) {
  limits_.head_timeout = 100ms;
  const UniqueFd socket = connect();
  EXPECT_EQ(lost_.get_future().get(), "the handshake took too long");
}

TEST_F(TlsConnectionTest, TellsOneWhoSpeaksPlainHttp) {
  const UniqueFd socket = connect();
  const std::string request = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
  ASSERT_GT(::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL), 0);
  std::string answer;
  char buffer[1000];
  ssize_t size;
  while ((size = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0)
    answer.append(buffer, static_cast<std::size_t>(size));
  EXPECT_EQ(size, 0);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  const std::size_t body = answer.find("\r\n\r\n") + 4;
  EXPECT_NE(answer.find("Content-Length: " + std::to_string(answer.size() - body)), std::string::npos);
  EXPECT_NE(answer.find("https"), std::string::npos);
}

TEST_F(TlsConnectionTest, GarbageEndsIt) {
  const UniqueFd socket = connect();
  ASSERT_GT(::send(socket.get(), "\x16\x03\x01\xff\xff garbage", 12, MSG_NOSIGNAL), 0);
  ::shutdown(socket.get(), SHUT_WR);
  EXPECT_FALSE(lost_.get_future().get().empty());
}

}  // namespace
}  // namespace bimodal::http

// For the tests of this module: a gateway with real pools over fake containers, and a caller that speaks raw bytes.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gateway/fake_runner.h"
#include "gateway/gateway.h"
#include "scheduler/fake_launcher.h"
#include "scheduler/functions.h"
#include "scheduler/test_support.h"

namespace bimodal::gateway {

using namespace std::chrono_literals;

// A TCP connection to the gateway. Everything waits at most scheduler::kPatience.
class Caller {
 public:
  explicit Caller(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connected_ = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  bool connected() const { return connected_; }
  int fd() const { return socket_.get(); }
  void close() { socket_.reset(); }
  void finish_sending() { ::shutdown(socket_.get(), SHUT_WR); }

  // False when the gateway closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Up to and including `end`; what came when the connection closed or patience ran out.
  std::string read_until(std::string_view end) {
    while (true) {
      const std::size_t found = received_.find(end);
      if (found != std::string::npos) return take(found + end.size());
      if (!receive()) return take(received_.size());
    }
  }

  std::string read_exactly(std::size_t size) {
    while (received_.size() < size && receive()) {
    }
    return take(std::min(size, received_.size()));
  }

  // Everything until the gateway closes.
  std::string read_all() {
    while (receive()) {
    }
    return take(received_.size());
  }

  // Reads and drops until the gateway closes or `size` bytes came; how many came.
  std::uint64_t drop(std::uint64_t size) {
    std::uint64_t count = take(received_.size()).size();
    while (count < size && receive()) count += take(received_.size()).size();
    return count;
  }

  // Whether bytes or an end are there to be read within `span`.
  bool readable(std::chrono::milliseconds span) {
    pollfd polled{socket_.get(), POLLIN, 0};
    return !received_.empty() || ::poll(&polled, 1, static_cast<int>(span.count())) > 0;
  }

  // Head and, as far as Content-Length tells, body of the next response.
  struct Response {
    int status = 0;
    std::string head;
    std::string body;
    std::string field(std::string_view name) const {
      const std::string key = "\r\n" + std::string(name) + ": ";
      const std::size_t at = head.find(key);
      if (at == std::string::npos) return "";
      return head.substr(at + key.size(), head.find("\r\n", at + 2) - at - key.size());
    }
  };

  Response read_response() {
    Response response;
    response.head = read_until("\r\n\r\n");
    if (response.head.size() > 12) response.status = std::atoi(response.head.c_str() + 9);
    const std::string length = response.field("content-length");
    if (!length.empty()) response.body = read_exactly(std::stoull(length));
    return response;
  }

 private:
  bool receive() {
    pollfd polled{socket_.get(), POLLIN, 0};
    if (::poll(&polled, 1, std::chrono::milliseconds(scheduler::kPatience).count()) <= 0) return false;
    char buffer[65536];
    const ssize_t count = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (count <= 0) return false;
    received_.append(buffer, static_cast<std::size_t>(count));
    return true;
  }

  std::string take(std::size_t size) {
    std::string taken = received_.substr(0, size);
    received_.erase(0, size);
    return taken;
  }

  UniqueFd socket_;
  bool connected_ = false;
  std::string received_;
};

// Blobs in a directory of their own: any token names a file.
class FakeBlobGate : public BlobGate {
 public:
  explicit FakeBlobGate(std::filesystem::path directory) : directory_(std::move(directory)) {}
  Result<std::filesystem::path> open_upload(const std::string& token, std::uint64_t) override {
    if (token == "unknown") return error(Code::NotFound, "no upload {}", token);
    return directory_ / token;
  }
  Result<void> commit_upload(const std::string& token, const std::string& md5_hex) override {
    if (token == "refused") return error(Code::InvalidArgument, "{} has another checksum", token);
    committed[token] = md5_hex;
    return {};
  }
  Result<BlobPart> open_download(const std::string& token) override {
    if (token == "unknown") return error(Code::NotFound, "no blob {}", token);
    if (token.starts_with("part-")) return BlobPart{directory_ / token, 2, 3};
    return BlobPart{directory_ / token, 0, 0};
  }
  std::map<std::string, std::string> committed;

 private:
  std::filesystem::path directory_;
};

// A gateway on one loop, a function "fu-1" at host "app.localhost" whose containers are one FakeRunner.
class Rig {
 public:
  explicit Rig(GatewayLimits limits = {}, scheduler::PoolLimits pool_limits = {})
      : directory_(make_directory()),
        control_("control"),
        loop_("gateway"),
        runner(std::make_unique<FakeRunner>(directory_ / "web.sock")),
        blobs(directory_),
        launcher(control_.executor()),
        functions(launcher, control_.executor(), pool_limits) {
    launcher.web_socket = runner->path();
    control_.start();
    loop_.start();
    auto opened = Gateway::listen({&loop_}, "127.0.0.1:0", functions, blobs, limits);
    if (!opened) throw std::runtime_error(opened.error().message);
    gateway = std::move(*opened);
    version.function_id = "fu-1";
    version.definition_id = "de-1";
    version.app_id = "ap-1";
    version.scaling.max_inputs = 100;
  }

  ~Rig() {
    close(Deadline::after(5s));
    scheduler::wait_for(control_, functions.close(Deadline::after(5s)));
    runner.reset();
    std::filesystem::remove_all(directory_);
  }

  // Makes `version` current and routes "app.localhost" (and what `more` says) to it.
  void publish(std::vector<model::Route> more = {}) {
    auto published = std::make_shared<const model::FunctionVersion>(version);
    scheduler::on(control_, [&] {
      functions.publish("ap-1", {published}, scheduler::Switch::AtOnce);
      return true;
    });
    more.push_back({.host = "app.localhost", .function_id = "fu-1"});
    gateway->publish(std::move(more));
  }

  void close(Deadline grace) {
    if (gateway) scheduler::wait_for(control_, gateway->close(grace));
    gateway.reset();
  }

  Caller call(std::string_view bytes) {
    Caller caller(gateway->port());
    caller.send(bytes);
    return caller;
  }

  Caller::Response get(std::string_view path) {
    return call("GET " + std::string(path) + " HTTP/1.1\r\nHost: app.localhost\r\n\r\n").read_response();
  }

  scheduler::PoolLoad load() {
    return scheduler::on(control_, [this] { return *functions.load("fu-1"); });
  }
  int running() { return load().running; }
  Loop& control() { return control_; }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  static std::filesystem::path make_directory() {
    std::string path = (std::filesystem::temp_directory_path() / "gateway-XXXXXX").string();
    CHECK(::mkdtemp(path.data()) != nullptr);
    return path;
  }

  std::filesystem::path directory_;
  Loop control_;
  Loop loop_;

 public:
  std::unique_ptr<FakeRunner> runner;
  FakeBlobGate blobs;
  scheduler::FakeLauncher launcher;
  scheduler::Functions functions;
  std::unique_ptr<Gateway> gateway;
  model::FunctionVersion version;
};

}  // namespace bimodal::gateway

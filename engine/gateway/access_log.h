// One line of JSON for each request, in a file that rotates. What isn't in it: queries, headers and bodies.
//
//   {"time", "id", "client", "method", "host", "path", "protocol", "tls", "status", "received", "sent", "ms",
//    "environment", "app", "function", "cold", "error"}; "tls", the function's and "error" only where there is one
//
// A loop copies what a line needs into a ring of its own, without a lock or system call but one in a while, and a
// thread writes: when the ring (kRing bytes) is full, lines are dropped, counted and told of in the daemon's log. Paths
// are cut off at kMaxPath bytes, hosts at kMaxHost.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "gateway/request_id.h"
#include "gateway/traffic.h"

namespace bimodal::gateway {

struct Access {
  RequestId id{};
  std::string_view client, method, host, path;
  std::string_view tls;                              // static; empty: in clear
  std::string_view error;                            // static: a code of ours; empty: none
  const FunctionTraffic::Names* function = nullptr;  // outlives the log
  std::int64_t arrived_ns = 0, ended_ns = 0;         // of the steady clock
  std::uint64_t received = 0, sent = 0;              // bytes of bodies and messages
  std::uint16_t status = 0;                          // 0: the caller left, or was cut off, without one
  std::uint8_t http_version = 11;                    // 10, 11, 20
  bool cold = false;                                 // it waited for the start of a container
};

struct AccessLogFile {
  std::filesystem::path path;
  std::uint64_t max_bytes = std::uint64_t{64} << 20;  // then it becomes <stem>.1.<extension>, and so on
  std::size_t old_files = 4;
};

class AccessLog {
 public:
  static constexpr std::size_t kRing = std::size_t{1} << 20;
  static constexpr std::size_t kMaxPath = 2048, kMaxHost = 255;

  static Result<std::unique_ptr<AccessLog>> open(const AccessLogFile& file, std::size_t loops);
  // Writes what is there. Nobody may call write() any more.
  ~AccessLog();

  // On that loop only.
  void write(std::size_t loop, const Access& access);

  // Since the start. Any thread.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  class Sink;

  // One writer, one reader; positions only grow.
  struct alignas(64) Ring {
    std::unique_ptr<char[]> bytes = std::make_unique<char[]>(kRing);
    alignas(64) std::atomic<std::uint64_t> written = 0;
    alignas(64) std::atomic<std::uint64_t> read = 0;
  };

  AccessLog(std::unique_ptr<Sink> sink, std::size_t loops);
  void run();
  void drain(Ring& ring);

  const std::unique_ptr<Sink> sink_;
  std::vector<std::unique_ptr<Ring>> rings_;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::atomic<std::uint32_t> awake_ = 0;  // 1: there is something to write
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

// The line of that access, without its newline. `now_ns` of the steady clock is `wall` of the system's, in ms.
void append_access_line(const Access& access, std::int64_t now_ns, std::int64_t wall_ms, std::string& out);

}  // namespace bimodal::gateway

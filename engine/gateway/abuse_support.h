// For tests of malformed and hostile requests: raw bytes against a live gateway, and what must hold afterwards.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/test_support.h"

namespace bimodal::gateway {

// A literal with NULs inside.
template <std::size_t kSize>
std::string bytes(const char (&text)[kSize]) {
  return std::string(text, kSize - 1);
}

inline std::string repeat(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// What follows every case on the same connection: answered with 200 only where the connection goes on.
inline const std::string kProbe = "GET /hello HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n";

enum class After { GoesOn, Closed };

struct AbuseCase {
  const char* name;
  std::string bytes;
  std::vector<int> statuses;    // of the responses, in order, without the probe's
  After after = After::Closed;  // what becomes of the connection
  int reached = 0;              // requests that a container sees, without the probe; kMaybeOne: cut off in its body
};

inline constexpr int kMaybeOne = -1;

inline void PrintTo(const AbuseCase& one, std::ostream* out) {
  *out << one.name;
}

// The statuses of all responses in `raw`, which ends with the last of them; nothing when it is no row of responses.
inline std::optional<std::vector<int>> statuses_in(std::string_view raw) {
  std::vector<int> statuses;
  while (!raw.empty()) {
    const std::size_t end = raw.find("\r\n\r\n");
    if (!raw.starts_with("HTTP/1.1 ") || end == std::string_view::npos) return std::nullopt;
    const std::string head(raw.substr(0, end + 2));
    raw.remove_prefix(end + 4);
    statuses.push_back(std::atoi(head.c_str() + 9));
    const std::size_t length = head.find("\r\ncontent-length: ");
    if (head.find("\r\ntransfer-encoding: chunked\r\n") != std::string::npos) {
      const std::size_t last = raw.find("0\r\n\r\n");
      if (last == std::string_view::npos) return std::nullopt;
      raw.remove_prefix(last + 5);
    } else if (length != std::string::npos) {
      const std::size_t size = std::stoull(head.substr(length + 18));
      if (size > raw.size()) return std::nullopt;
      raw.remove_prefix(size);
    }
  }
  return statuses;
}

// True when the gateway has ended the connection in order: by an end of stream, not by a reset.
inline bool ended(const Caller& caller) {
  char c;
  return ::recv(caller.fd(), &c, 1, MSG_DONTWAIT) == 0;
}

// All cases of a suite meet the same gateway, so that harm done by one shows in the next.
class AbuseTest : public testing::TestWithParam<AbuseCase> {
 protected:
  static void SetUpTestSuite() {
    rig_ = std::make_unique<Rig>();
    rig_->publish();
    ASSERT_EQ(rig_->get("/hello").status, 200);
  }
  static void TearDownTestSuite() { rig_.reset(); }

  // Sends the case in pieces of `piece` bytes and checks everything that it says.
  static void run(const AbuseCase& one, std::size_t piece) {
    const int before = rig_->runner->requests();
    Caller caller(rig_->gateway->port());
    const std::string all = one.bytes + kProbe;
    for (std::size_t at = 0; at < all.size(); at += piece) caller.send(all.substr(at, piece));
    const std::string raw = caller.read_all();
    EXPECT_TRUE(ended(caller));

    const bool goes_on = one.after == After::GoesOn;
    std::vector<int> expected = one.statuses;
    if (goes_on) expected.push_back(200);
    auto statuses = statuses_in(raw);
    ASSERT_TRUE(statuses) << raw;
    EXPECT_EQ(*statuses, expected) << raw;
    if (goes_on) EXPECT_TRUE(raw.ends_with("\r\n\r\nhello")) << raw;
    check_reached(one, rig_->runner->requests() - before - (goes_on ? 1 : 0));
    check_healthy();
  }

  static void check_reached(const AbuseCase& one, int reached) {
    if (one.reached == kMaybeOne) {
      EXPECT_LE(reached, 1);
    } else {
      EXPECT_EQ(reached, one.reached);
    }
  }

  static void check_healthy() {
    EXPECT_TRUE(scheduler::until([] { return rig_->running() == 0 && rig_->load().waiting == 0; }));
    EXPECT_EQ(rig_->get("/hello").body, "hello");
  }

  static inline std::unique_ptr<Rig> rig_;
};

}  // namespace bimodal::gateway

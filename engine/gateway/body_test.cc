// Bodies in both directions: framing, credit, back-pressure, memory; and blobs.
#include <gtest/gtest.h>

#include <fstream>

#include "gateway/test_support.h"

namespace bimodal::gateway {
namespace {

using scheduler::until;

std::string request(std::string_view line, std::string_view more = "") {
  return std::string(line) + " HTTP/1.1\r\nHost: app.localhost\r\n" + std::string(more) + "\r\n";
}

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 1000) % 26);
  return text;
}

// 0 under AddressSanitizer, which keeps freed memory for a while.
std::size_t resident_kib() {
#if defined(__SANITIZE_ADDRESS__)
  return 0;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return 0;
#endif
#endif
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

// The chunks of a chunked body, joined, with what follows the last one behind a bar.
std::string dechunk(std::string_view raw) {
  std::string body;
  while (true) {
    const std::size_t size = std::stoul(std::string(raw.substr(0, raw.find("\r\n"))), nullptr, 16);
    raw.remove_prefix(raw.find("\r\n") + 2);
    if (size == 0) return body + "|" + std::string(raw);
    body += raw.substr(0, size);
    raw.remove_prefix(size + 2);
  }
}

TEST(Body, IsTheSameWhateverItsSizeAndFraming) {
  Rig rig;
  rig.publish();
  Caller caller(rig.gateway->port());
  for (std::size_t size : {0ul, 1ul, 65535ul, 65536ul, 65537ul, 262144ul, 1000000ul}) {
    const std::string body = pattern(size);
    std::thread sender(
        [&] { caller.send(request("POST /echo", "Content-Length: " + std::to_string(size) + "\r\n") + body); });
    std::string head = caller.read_until("\r\n\r\n");
    std::string echoed;
    if (head.find("transfer-encoding: chunked") != std::string::npos) {
      echoed = dechunk(caller.read_until("\r\n0\r\n\r\n"));
      echoed.resize(echoed.rfind('|'));
    } else {
      echoed = caller.read_exactly(size);
    }
    sender.join();
    EXPECT_TRUE(echoed == body) << size;
  }
}

TEST(Body, IsReadFromChunksCutAnywhere) {
  Rig rig;
  rig.publish();
  Caller caller(rig.gateway->port());
  const std::string bytes =
      request("POST /echo", "Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nA: b\r\n\r\n";
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    caller.send(bytes.substr(0, cut));
    caller.send(bytes.substr(cut));
    ASSERT_EQ(caller.read_response().body, "hello world") << cut;
  }
}

TEST(Body, IsForwardedAtOnceInBothDirections) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(request("GET /chunks"));
  std::string head = caller.read_until("\r\n\r\n");
  EXPECT_NE(head.find("transfer-encoding: chunked"), std::string::npos);
  EXPECT_EQ(dechunk(caller.read_until("0\r\n\r\n")), "onetwo|\r\n");
}

TEST(Body, CarriesTrailers) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(request("GET /trailers", "TE: trailers\r\n"));
  caller.read_until("\r\n\r\n");
  EXPECT_EQ(caller.read_until("x-sum: 4\r\n\r\n"), "4\r\nbody\r\n0\r\nx-sum: 4\r\n\r\n");
}

TEST(Body, IsAskedForOnlyWhenAContainerTakesTheRequest) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(request("POST /echo", "Expect: 100-continue\r\nContent-Length: 4\r\n"));
  EXPECT_EQ(caller.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  caller.send("body");
  EXPECT_EQ(caller.read_response().body, "body");
  auto refused = rig.call("POST / HTTP/1.1\r\nHost: no\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(refused.read_response().status, 404);
}

TEST(Body, IsLeftOutForHeadAnd204And304) {
  Rig rig;
  rig.publish();
  auto caller = rig.call(
      request("HEAD /hello") + request("GET /status?204") + request("GET /status?304") + request("GET /hello"));
  EXPECT_TRUE(caller.read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(caller.read_until("\r\n\r\n").starts_with("HTTP/1.1 204"));
  EXPECT_TRUE(caller.read_until("\r\n\r\n").starts_with("HTTP/1.1 304"));
  EXPECT_EQ(caller.read_response().body, "hello");
}

TEST(Body, EndsTheConnectionWhereTheApplicationOrHttp10WantsIt) {
  Rig rig;
  rig.publish();
  auto old = rig.call("GET /chunks HTTP/1.0\r\nHost: app.localhost\r\n\r\n");
  EXPECT_TRUE(old.read_all().ends_with("\r\n\r\nonetwo"));
  auto close = rig.call(request("GET /close"));
  EXPECT_TRUE(close.read_all().ends_with("bye"));
}

TEST(Body, IsCutWhenItIsShorterThanStated) {
  Rig rig;
  rig.publish();
  auto shorter = rig.call(request("GET /length?9"));
  EXPECT_TRUE(shorter.read_all().ends_with("\r\n\r\nhello"));
  auto longer = rig.call(request("GET /length?3"));
  EXPECT_TRUE(longer.read_all().ends_with("\r\n\r\nhel"));
}

TEST(Body, OfAResponseIsNotReadFasterThanTheCallerReads) {
  Rig rig;
  rig.publish();
  constexpr std::uint64_t kSize = 300 << 20;
  const std::size_t before = resident_kib();
  auto caller = rig.call(request("GET /big?" + std::to_string(kSize)));
  ASSERT_TRUE(until([&] { return rig.runner->requests() == 1; }));
  // While one caller doesn't read, others are served by the same container over the same socket.
  for (int i = 0; i < 20; ++i) EXPECT_EQ(rig.get("/hello").status, 200);
  EXPECT_LT(resident_kib(), before + 16 * 1024);
  EXPECT_GE(caller.drop(kSize), kSize);
  EXPECT_LT(resident_kib(), before + 16 * 1024);
}

TEST(Body, OfARequestIsNotReadFasterThanTheContainerReads) {
  Rig rig;
  rig.publish();
  constexpr std::size_t kSize = 300 << 20;
  auto caller = rig.call(request("POST /sink", "Content-Length: " + std::to_string(kSize) + "\r\n"));
  ASSERT_TRUE(until([&] { return rig.runner->requests() == 1; }));
  rig.runner->pause();
  const std::size_t before = resident_kib();
  std::atomic<std::size_t> sent = 0;
  std::thread sender([&] {
    const std::string block = pattern(1 << 20);
    while (sent < kSize && caller.send(block)) sent += block.size();
  });
  std::size_t last = 1;
  ASSERT_TRUE(until([&] {
    std::this_thread::sleep_for(50ms);
    return std::exchange(last, sent.load()) == sent.load();
  }));
  EXPECT_LT(sent, 32u << 20);
  EXPECT_LT(resident_kib(), before + 16 * 1024);
  rig.runner->resume();
  EXPECT_EQ(caller.read_response().body, std::to_string(kSize));
  EXPECT_LT(resident_kib(), before + 16 * 1024);
  sender.join();
}

// Ends a TCP connection by RST. A FIN would wait behind what the other side doesn't read, and so not be seen there.
void reset(int fd) {
  const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
  ASSERT_EQ(::connect(fd, &nowhere, sizeof nowhere), 0);
}

TEST(Body, ThatNobodyReadsBlocksNobodyElse) {
  Rig rig;
  rig.publish();
  auto deaf = rig.call(request("POST /deaf", "Content-Length: 100000000\r\n"));
  std::atomic<bool> over = false;
  std::thread sender([&] {
    const std::string block = pattern(1 << 20);
    while (deaf.send(block)) {
    }
    over = true;
  });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(rig.get("/hello").status, 200);
  EXPECT_FALSE(over);
  reset(deaf.fd());
  sender.join();
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
}

std::string internal(std::string_view line, std::string_view more = "") {
  return std::string(line) + " HTTP/1.1\r\nHost: 127.0.0.1:1\r\n" + std::string(more) + "\r\n";
}

TEST(Blob, IsUploadedAndDownloaded) {
  Rig rig;
  const std::string content = pattern(3'000'000);
  auto caller = rig.call(internal("PUT /_bimodal/blobs/one", "Content-Length: 3000000\r\n") + content);
  auto uploaded = caller.read_response();
  EXPECT_EQ(uploaded.status, 200);
  EXPECT_EQ(uploaded.field("etag"), "\"" + rig.blobs.committed["one"] + "\"");
  EXPECT_EQ(uploaded.field("etag").size(), 34u);
  caller.send(internal("GET /_bimodal/blobs/one"));
  EXPECT_TRUE(caller.read_response().body == content);
}

TEST(Blob, MayBeEmpty) {
  Rig rig;
  auto caller = rig.call(internal("PUT /_bimodal/blobs/empty", "Content-Length: 0\r\n"));
  EXPECT_EQ(caller.read_response().field("etag"), "\"d41d8cd98f00b204e9800998ecf8427e\"");
  caller.send(internal("GET /_bimodal/blobs/empty"));
  EXPECT_EQ(caller.read_response().status, 200);
}

TEST(Blob, IsRefusedWithItsReason) {
  Rig rig;
  EXPECT_EQ(rig.call(internal("GET /_bimodal/blobs/unknown")).read_response().status, 404);
  EXPECT_EQ(
      rig.call(internal("PUT /_bimodal/blobs/unknown", "Content-Length: 1\r\n") + "x").read_response().status, 404);
  EXPECT_EQ(
      rig.call(internal("PUT /_bimodal/blobs/refused", "Content-Length: 1\r\n") + "x").read_response().status, 400);
  EXPECT_EQ(rig.call(internal("PUT /_bimodal/blobs/a", "Transfer-Encoding: chunked\r\n")).read_response().status, 411);
  EXPECT_EQ(rig.call(internal("DELETE /_bimodal/blobs/a")).read_response().status, 405);
  EXPECT_EQ(rig.call(internal("GET /_bimodal/other")).read_response().status, 404);
  EXPECT_FALSE(std::filesystem::exists(rig.directory() / "refused"));
}

TEST(Blob, IsForgottenWhenTheCallerLeaves) {
  Rig rig;
  auto caller = rig.call(internal("PUT /_bimodal/blobs/half", "Content-Length: 10\r\n") + "half");
  ASSERT_TRUE(until([&] { return std::filesystem::exists(rig.directory() / "half"); }));
  caller.close();
  EXPECT_TRUE(until([&] { return !std::filesystem::exists(rig.directory() / "half"); }));
}

TEST(Blob, PathsBelongToAnAppOnItsOwnHost) {
  Rig rig;
  rig.publish();
  EXPECT_EQ(rig.get("/_bimodal/health").body, "no such path");
  auto health = rig.call(internal("GET /_bimodal/health")).read_response();
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.body, "ok");
}

}  // namespace
}  // namespace bimodal::gateway

// How an HTTP/2 connection behaves: bodies under credit, responses under windows, WebSockets, ends, and what a hostile
// peer costs.
#include "http/http2_connection.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <functional>
#include <thread>

#include "http/http2_test_support.h"

namespace bimodal::http::h2 {
namespace {

using namespace std::chrono_literals;

std::size_t heap_bytes() {
  return ::mallinfo2().uordblks;
}

TEST(Http2Connection, TellsWhatARequestSays) {
  Peer2 peer;
  peer.send(
      kHello +
      head(
          1, request("/head?a=b", "GET", {{"cookie", "a=1"}, {"x-more", "2"}, {"cookie", "b=2"}, {"te", "trailers"}})));
  EXPECT_EQ(peer.body(1), "GET /head?a=b a|host=a|x-more=2|te=trailers|cookie=a=1; b=2");
  EXPECT_EQ(peer.field(1, "content-length"), std::to_string(peer.body(1).size()));
  EXPECT_FALSE(peer.field(1, "date").empty());
}

TEST(Http2Connection, ReadsAWebSocketAsTheUpgradeThatItReplaces) {
  Peer2 peer;
  Fields fields = websocket("/head");
  fields.push_back({"sec-websocket-key", "mine"});
  peer.send(kHello + head(1, fields, kEndHead));
  // A success would say that it is open.
  EXPECT_TRUE(peer.tells("1:rst=2")) << peer.told();
}

TEST(Http2Connection, CarriesAWebSocketBothWaysUntilOneSideEnds) {
  Peer2 peer;
  peer.send(kHello + head(1, websocket(), kEndHead) + data(1, "early"));
  EXPECT_TRUE(peer.tells("1:200"));
  EXPECT_EQ(peer.field(1, "x-mine"), "1");
  EXPECT_EQ(peer.field(1, "sec-websocket-accept"), "");
  peer.send(data(1, std::string(16000, 'x')));
  EXPECT_EQ(peer.body(1), "early" + std::string(16000, 'x'));
  peer.send(data(1, "bye") + get(3));
  EXPECT_TRUE(peer.tells("1:end") && peer.tells("3:200")) << peer.told();
  EXPECT_EQ(peer.answers.gone, 0);
}

TEST(Http2Connection, TellsThatAWebSocketsPeerHasLeft) {
  Peer2 peer;
  peer.send(kHello + head(1, websocket(), kEndHead) + head(3, websocket(), kEndHead));
  peer.send(data(1, "last", kEnd));
  EXPECT_EQ(peer.answers.gone, 1);
  EXPECT_TRUE(peer.tells("1:rst=8")) << peer.told();
  peer.send(frame(kReset, 0, 3, number(8, 4)));
  EXPECT_EQ(peer.answers.gone, 2);
}

TEST(Http2Connection, SendsTrailersAndDropsThoseOfFraming) {
  Peer2 peer;
  peer.send(kHello + get(1, "/trailers"));
  EXPECT_EQ(peer.body(1), "body");
  EXPECT_EQ(peer.field(1, "x-sum"), "7");
  EXPECT_EQ(peer.field(1, "content-length"), "");
  EXPECT_TRUE(peer.tells("1:end"));
}

TEST(Http2Connection, SendsNoBodyForHead) {
  Peer2 peer;
  peer.send(kHello + head(1, request("/now", "HEAD")));
  EXPECT_TRUE(peer.tells("1:200") && peer.tells("1:end"));
  EXPECT_EQ(peer.body(1), "");
}

TEST(Http2Connection, ResetsAResponseThatIsShorterThanItsLengthBehindWhatThereIs) {
  for (const char* path : {"/short", "/abort"}) {
    Peer2 peer;
    peer.send(kHello + get(1, path));
    EXPECT_EQ(peer.body(1), "half") << path;
    EXPECT_TRUE(peer.tells("1:rst=2")) << path << peer.told();
    EXPECT_EQ(peer.answers.gone, 0) << path;
  }
}

TEST(Http2Connection, AnswersThousandsOfRequestsOneAfterTheOther) {
  Peer2 peer;
  peer.send(kHello);
  for (std::uint32_t i = 0; i < 2000; ++i) peer.send(get(2 * i + 1));
  EXPECT_EQ(peer.answers.requests, 2000);
  EXPECT_TRUE(peer.tells("3999:end"));
  EXPECT_FALSE(peer.answers.closed);
}

TEST(Http2Connection, SendsAsMuchAsTheWindowsAllow) {
  Peer2 peer;
  peer.send(kHello + get(1, "/big"));
  EXPECT_EQ(peer.body(1).size(), 65535u);
  peer.send(frame(kWindow, 0, 1, number(1 << 20, 4)));
  EXPECT_EQ(peer.body(1).size(), 65535u) << "the connection's window is shut";
  peer.send(frame(kWindow, 0, 0, number(1 << 20, 4)));
  EXPECT_EQ(peer.body(1), std::string(1 << 20, 'b'));
  EXPECT_TRUE(peer.tells("1:end"));
}

TEST(Http2Connection, AResponderThatDoesntReadHoldsUpItsOwnStreamOnly) {
  Peer2 peer;
  peer.send(kHello + post(1, "/stall") + data(1, std::string(16384, 'x')) + data(1, std::string(16384, 'x')));
  peer.send(data(1, std::string(16384, 'x')) + data(1, std::string(16383, 'x')));
  EXPECT_FALSE(peer.tells("1:window")) << peer.told();
  std::string body;
  peer.send(post(3));
  for (int i = 0; i < 200; ++i) peer.send(data(3, std::string(10000, 'y')));
  peer.send(data(3, "", kEnd));
  EXPECT_TRUE(peer.tells("3:200")) << "a body of two megabytes";
  // And goes on when it reads again.
  peer.answers.by_path["/stall"]->caller->grant_body(1 << 20);
  peer.run();
  EXPECT_EQ(peer.answers.by_path["/stall"]->body.size(), 65535u);
  EXPECT_TRUE(peer.tells("1:window"));
}

TEST(Http2Connection, ABodyIsDeliveredOnlyAsFarAsItWasGranted) {
  Peer2 peer;
  peer.send(kHello + post(1, "/stall") + data(1, "abcdef", kEnd));
  Answers::Request& request = *peer.answers.by_path["/stall"];
  EXPECT_EQ(request.body, "");
  request.caller->grant_body(4);
  peer.run();
  EXPECT_EQ(request.body, "abcdef");  // this responder asks for as much again as it got
  EXPECT_EQ(peer.answers.last_parts, 1);
  EXPECT_TRUE(peer.tells("1:200"));
}

TEST(Http2Connection, TellsWhoeverWaitsThatTheConnectionEnded) {
  Peer2 peer;
  peer.send(kHello + get(1, "/stall") + get(3, "/stream"));
  peer.connection().cut();
  EXPECT_EQ(peer.answers.gone, 2);
  EXPECT_TRUE(peer.answers.closed);
}

TEST(Http2Connection, DrainsInTwoSteps) {
  Peer2 peer;
  peer.send(kHello + post(1));
  peer.connection().drain();
  peer.run();
  EXPECT_TRUE(peer.tells("goaway=0") && peer.tells("pinged"));
  peer.send(get(3));  // was on its way
  EXPECT_TRUE(peer.tells("3:200"));
  peer.send(frame(kPing, kAck, 0, std::string(8, '\0')) + get(5));
  EXPECT_FALSE(peer.tells("5:200"));
  EXPECT_FALSE(peer.tells("closed"));
  peer.send(data(1, "x", kEnd));
  EXPECT_TRUE(peer.tells("1:200") && peer.tells("closed")) << peer.told();
}

// Runs the loop until `condition`; false when that doesn't come in ten seconds.
bool comes(Peer2& peer, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    peer.run();
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

TEST(Http2Connection, ClosesWhenIdle) {
  Peer2 peer({.idle_timeout = 100ms});
  peer.send(kHello + get(1));
  EXPECT_TRUE(comes(peer, [&] { return peer.tells("closed"); })) << peer.told();
  EXPECT_TRUE(peer.tells("goaway=0"));
}

TEST(Http2Connection, ClosesWhenNoRequestComes) {
  Peer2 peer({.head_timeout = 100ms});
  EXPECT_TRUE(comes(peer, [&] { return peer.tells("closed"); })) << peer.told();
}

TEST(Http2Connection, CutsAHeadThatDoesntEnd) {
  Peer2 peer({.head_timeout = 100ms});
  peer.send(kHello + get(1, "/stall") + head(3, request("/now"), kEnd));
  EXPECT_TRUE(comes(peer, [&] { return peer.answers.closed; })) << peer.told();
  EXPECT_EQ(peer.answers.gone, 1);
}

TEST(Http2Connection, AnswersABodyThatDoesntComeWith408) {
  Peer2 peer({.idle_timeout = 100ms});
  peer.send(kHello + post(1) + data(1, "x"));
  EXPECT_TRUE(comes(peer, [&] { return peer.tells("1:408"); })) << peer.told();
  EXPECT_EQ(peer.answers.gone, 1);
}

TEST(Http2Connection, ResetsAResponseThatThePeerDoesntLetGo) {
  Peer2 peer({.idle_timeout = 100ms});
  peer.send(kHello + get(1, "/stream"));
  EXPECT_TRUE(comes(peer, [&] { return peer.tells("1:rst=8"); })) << peer.told();
  EXPECT_EQ(peer.answers.gone, 1);
}

TEST(Http2Connection, CutsAPeerThatDoesntRead) {
  Peer2 peer({.idle_timeout = 100ms});
  peer.reads = false;
  std::string hello =
      kHello + frame(kSettings, 0, 0, setting(4, 0x7fffffff)) + frame(kWindow, 0, 0, number(0x7fff0000, 4));
  peer.send(hello + get(1, "/stream"));
  EXPECT_TRUE(comes(peer, [&] { return peer.answers.closed; })) << peer.told();
}

TEST(Http2Connection, RefusesAHeadBeyondTheLimitWith431) {
  Peer2 peer;
  peer.send(kHello + head(1, request("/now"), kEnd));
  std::string fields;
  for (int i = 0; i < 5; ++i) fields += literal("x-" + std::to_string(i), std::string(15000, 'x'));
  for (std::size_t at = 0; at < fields.size(); at += 16000) {
    const bool last = at + 16000 >= fields.size();
    peer.send(frame(kContinuation, last ? kEndHead : 0, 1, fields.substr(at, 16000)));
  }
  peer.send(get(3));
  EXPECT_TRUE(peer.tells("1:431") && peer.tells("3:200")) << peer.told();
}

TEST(Http2Connection, AHeadThatExpandsWithoutEndIsReset) {
  Peer2 peer;
  const std::string bomb = literal("x", std::string(4000, 'x'));
  std::string fields = block(request("/now")) + "\x40" + bomb.substr(1) + std::string(1000, '\xbe');
  const std::size_t before = heap_bytes();
  peer.send(kHello + frame(kHeaders, kEnd | kEndHead, 1, fields) + get(3));
  EXPECT_TRUE(peer.tells("1:rst=2") && peer.tells("3:200")) << peer.told();
  EXPECT_LT(heap_bytes() - before, 256u * 1024);
}

struct Flood {
  const char* name;
  std::function<std::string(std::uint32_t)> round;
};

void PrintTo(const Flood& each, std::ostream* out) {
  *out << each.name;
}

class Http2Floods : public testing::TestWithParam<Flood> {};

// Up to 20,000 rounds: the peer is told to calm down, and memory stays flat. A round that ends the connection may leave
// its own answer, the megabyte of /big, until the connection is gone.
TEST_P(Http2Floods, EndTheConnectionAtFlatMemory) {
  Peer2 peer;
  peer.send(kHello);
  const auto before = static_cast<std::ptrdiff_t>(heap_bytes());
  std::ptrdiff_t most = 0;
  for (std::uint32_t i = 0; i < 20000 && !peer.answers.closed && !peer.tells("closed"); ++i) {
    peer.send(GetParam().round(2 * i + 1));
    if (i % 64 == 0) most = std::max(most, static_cast<std::ptrdiff_t>(heap_bytes()) - before);
  }
  EXPECT_TRUE(peer.tells("goaway=11")) << peer.told().substr(0, 1000);
  EXPECT_LT(most, 2 << 20);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Http2Floods,
    testing::Values(
        Flood{"RapidReset", [](std::uint32_t id) { return get(id, "/stall") + frame(kReset, 0, id, number(8, 4)); }},
        Flood{
            "MadeYouReset",
            [](std::uint32_t id) { return get(id, "/big") + frame(kWindow, 0, id, number(0x7fffffff, 4)); }},
        Flood{
            "MalformedHeads", [](std::uint32_t id) { return head(id, request("/now", "GET", {{"connection", "x"}})); }},
        Flood{"Settings", [](std::uint32_t) { return frame(kSettings, 0, 0, setting(4, 65535)); }},
        Flood{"Ping", [](std::uint32_t) { return frame(kPing, 0, 0, "12345678"); }},
        Flood{"Priority", [](std::uint32_t id) { return frame(kPriority, 0, id, number(0, 5)); }},
        Flood{"Unknown", [](std::uint32_t) { return frame(0x42, 0, 0, "x"); }},
        Flood{"Window", [](std::uint32_t) { return frame(kWindow, 0, 0, number(1, 4)); }},
        Flood{"EmptyData", [](std::uint32_t id) { return id == 1 ? post(1, "/stall") : data(1, ""); }}),
    [](const auto& info) { return std::string(info.param.name); });

// One that has served a request and waits for the next.
TEST(Http2Connection, AnIdleOneIsSmall) {
  constexpr int kMany = 64;
  Loop loop("h2");
  Answers answers;
  const ConnectionLimits limits;
  {
    Reactor reactor(loop);
    std::vector<UniqueFd> peers;
    std::vector<std::unique_ptr<Http2Connection>> connections;
    std::size_t before = 0;
    for (int i = 0; i <= kMany; ++i) {
      if (i == 1) before = heap_bytes();  // behind what is made once
      int ends[2];
      CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
      peers.emplace_back(ends[0]);
      connections.push_back(
          std::make_unique<Http2Connection>(reactor, Transport(UniqueFd(ends[1])), Address(), answers, limits));
      connections.back()->start();
      const std::string bytes = kHello + get(1) + frame(kSettings, kAck, 0, "");
      CHECK(::send(ends[0], bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
      for (int round = 0; round < 4; ++round) {
        loop.context().restart();
        loop.context().poll();
      }
    }
    const std::size_t each = (heap_bytes() - before) / kMany;
    RecordProperty("bytes", static_cast<int>(each));
    EXPECT_EQ(answers.requests, kMany + 1);
    EXPECT_LT(each, 40u * 1024);
    for (auto& connection : connections) connection->cut();
  }
}

// As a daemon that goes does to WebSockets: a last frame, the end of the stream, the end of the connection.
TEST(Http2Connection, WhatWasWrittenBeforeItIsCutArrives) {
  Peer2 peer;
  peer.send(kHello + head(1, websocket(), kEndHead));
  Caller& caller = *peer.answers.by_path["/socket"]->caller;
  caller.write("farewell");
  caller.abort();
  peer.connection().cut();
  peer.run();
  EXPECT_EQ(peer.body(1), "farewell");
  EXPECT_TRUE(peer.tells("1:rst=2") && peer.tells("closed")) << peer.told();
  EXPECT_EQ(peer.answers.gone, 0);
}

TEST(Http2Connection, ManyShutWindowsHoldWhatTheirRespondersBound) {
  Peer2 peer;
  peer.send(kHello + frame(kSettings, 0, 0, setting(4, 0)));
  const auto before = static_cast<std::ptrdiff_t>(heap_bytes());
  for (std::uint32_t i = 0; i < 128; ++i) peer.send(get(2 * i + 1, "/stream"));
  peer.run();
  // 64 KiB each, as their responder asks for before it stops, in strings that grew by doubling.
  EXPECT_LT(static_cast<std::ptrdiff_t>(heap_bytes()) - before, 128 * 160 * 1024);
  EXPECT_EQ(peer.answers.requests, 128);
}

}  // namespace
}  // namespace bimodal::http::h2

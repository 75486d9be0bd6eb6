// Callers that are slow, stop in the middle or vanish: each is noticed in time, and leaves nothing behind.
#include <filesystem>

#include "gateway/abuse_support.h"

namespace bimodal::gateway {
namespace {

using scheduler::until;

std::string request(std::string_view line, std::string_view more = "") {
  return std::string(line) + " HTTP/1.1\r\nHost: app.localhost\r\n" + std::string(more) + "\r\n";
}

std::size_t open_descriptors() {
  std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

enum class Way { Close, Reset, HalfClose };

// In which phase of a request the caller ends: what it has sent by then, and how to know that the phase is reached.
struct Phase {
  const char* name;
  std::string sent;
  int reached = 0;     // requests that the container has seen
  std::string answer;  // what the caller has received
};

void PrintTo(const Phase& phase, std::ostream* out) {
  *out << phase.name;
}

const Phase kPhases[] = {
    {"Connected", ""},
    {"InRequestLine", "GET /hel"},
    {"InHead", "GET /hello HTTP/1.1\r\nHost: app"},
    {"BehindHead", request("POST /echo", "Content-Length: 4\r\n"), 1},
    {"BeforeContinue", request("POST /echo", "Content-Length: 4\r\nExpect: 100-continue\r\n"), 1,
     "100 Continue\r\n\r\n"},
    {"InBody", request("POST /echo", "Content-Length: 4\r\n") + "ab", 1},
    {"InChunkSize", request("POST /echo", "Transfer-Encoding: chunked\r\n") + "4", 1},
    {"InChunk", request("POST /echo", "Transfer-Encoding: chunked\r\n") + "4\r\nab", 1},
    {"InTrailers", request("POST /echo", "Transfer-Encoding: chunked\r\n") + "0\r\nX: ", 1},
    {"InUnreadBody", request("POST /deaf", "Content-Length: 1000000\r\n") + std::string(264'000, 'b'), 1},
    {"InUnreadChunks",
     request("POST /deaf", "Transfer-Encoding: chunked\r\n") + "ffffff\r\n" + std::string(264'000, 'b'), 1},
    {"Waiting", request("GET /silent"), 1},
    {"WaitingWithPipelined", request("GET /silent") + request("GET /hello"), 1},
    {"WaitingWithMuchPipelined", request("GET /silent") + std::string(100'000, 'x'), 1},
    {"InResponse", request("GET /big?100000000"), 1, "bbbb"},
    {"BehindResponse", request("GET /hello"), 1, "hello"},
    {"InDroppedBody", request("POST /abort", "Content-Length: 1000\r\n"), 1, "Internal Server Error"},
};

class EarlyEnd : public testing::TestWithParam<std::tuple<Phase, Way>> {
 protected:
  static void SetUpTestSuite() {
    rig_ = std::make_unique<Rig>();
    rig_->publish();
    ASSERT_EQ(rig_->get("/hello").status, 200);
  }
  static void TearDownTestSuite() { rig_.reset(); }
  static inline std::unique_ptr<Rig> rig_;
};

void end(Caller& caller, Way way) {
  if (way == Way::HalfClose) return caller.finish_sending();
  const linger reset{.l_onoff = way == Way::Reset ? 1 : 0, .l_linger = 0};
  ::setsockopt(caller.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  caller.close();
}

TEST_P(EarlyEnd, LeavesNothingBehind) {
  const auto& [phase, way] = GetParam();
  ASSERT_TRUE(until([] { return rig_->running() == 0; }));
  std::size_t before = 0;
  // Connections of the cases before are closed a moment after they have ended.
  ASSERT_TRUE(until([&] { return std::exchange(before, open_descriptors()) == open_descriptors(); }));
  const int requests = rig_->runner->requests();

  Caller caller = rig_->call(phase.sent);
  ASSERT_TRUE(until([&] { return rig_->runner->requests() == requests + phase.reached; }));
  if (!phase.answer.empty()) ASSERT_TRUE(caller.read_until(phase.answer).ends_with(phase.answer));
  const auto left = std::chrono::steady_clock::now();
  end(caller, way);
  EXPECT_TRUE(until([] { return rig_->running() == 0; }));
  EXPECT_LT(std::chrono::steady_clock::now() - left, 3s);
  if (way == Way::HalfClose) {
    caller.read_all();
    caller.close();
  }
  EXPECT_TRUE(until([&] { return open_descriptors() <= before; }));
  EXPECT_EQ(rig_->get("/hello").body, "hello");
}

std::string name_of(const testing::TestParamInfo<std::tuple<Phase, Way>>& info) {
  static constexpr const char* kWays[] = {"Close", "Reset", "HalfClose"};
  return std::string(std::get<0>(info.param).name) + kWays[static_cast<int>(std::get<1>(info.param))];
}

INSTANTIATE_TEST_SUITE_P(
    All, EarlyEnd,
    testing::Combine(testing::ValuesIn(kPhases), testing::Values(Way::Close, Way::Reset, Way::HalfClose)), name_of);

// Sends one byte of `bytes` after the other, `pause` between them, until the gateway answers or closes.
void trickle(Caller& caller, std::string_view bytes, std::chrono::milliseconds pause) {
  for (char c : bytes) {
    if (caller.readable(pause) || !caller.send(std::string_view(&c, 1))) return;
  }
}

class SlowCaller : public testing::Test {
 protected:
  SlowCaller() : rig_({.head_timeout = 300ms, .idle_timeout = 300ms}) {
    rig_.version.timeout = 700ms;
    rig_.publish();
  }

  void expect_served() {
    EXPECT_TRUE(until([&] { return rig_.running() == 0; }));
    EXPECT_EQ(rig_.get("/hello").body, "hello");
  }

  std::chrono::steady_clock::duration passed() const { return std::chrono::steady_clock::now() - began_; }

  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  Rig rig_;
};

TEST_F(SlowCaller, WhoSendsNothingIsClosed) {
  Caller caller(rig_.gateway->port());
  EXPECT_EQ(caller.read_all(), "");
  EXPECT_TRUE(ended(caller));
  expect_served();
}

TEST_F(SlowCaller, WhoseHeadTricklesIsRefusedInTime) {
  Caller caller(rig_.gateway->port());
  trickle(caller, request("GET /hello", "X: " + std::string(1000, 'v') + "\r\n"), 20ms);
  EXPECT_EQ(caller.read_response().status, 408);
  EXPECT_LT(passed(), 6s);
  EXPECT_EQ(rig_.runner->requests(), 0);
  expect_served();
}

TEST_F(SlowCaller, WhoseSecondHeadTricklesIsRefusedInTime) {
  Caller caller = rig_.call(request("GET /hello"));
  EXPECT_EQ(caller.read_response().status, 200);
  trickle(caller, request("GET /hello", "X: " + std::string(1000, 'v') + "\r\n"), 20ms);
  EXPECT_EQ(caller.read_response().status, 408);
  EXPECT_LT(passed(), 6s);
  expect_served();
}

TEST_F(SlowCaller, WhoseEmptyLinesTrickleIsRefusedInTime) {
  Caller caller(rig_.gateway->port());
  trickle(caller, "\r", 20ms);
  EXPECT_EQ(caller.read_response().status, 408);
  EXPECT_LT(passed(), 6s);
}

TEST_F(SlowCaller, WhoseBodyTricklesHoldsItsSlotNoLongerThanTheFunctionsTimeout) {
  Rig rig({.idle_timeout = 10s});  // which a pause of this thread doesn't reach
  rig.version.timeout = 700ms;
  rig.publish();
  Caller caller = rig.call(request("POST /echo", "Content-Length: 1000\r\n"));
  trickle(caller, std::string(1000, 'b'), 50ms);
  auto response = caller.read_response();
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.field("bimodal-error"), "function-timeout");
  EXPECT_LT(passed(), 12s);
  EXPECT_TRUE(until([&] { return rig.running() == 0; }));
  EXPECT_EQ(rig.get("/hello").body, "hello");
}

TEST_F(SlowCaller, WhoseBodyStopsIsRefusedAndItsSlotIsFree) {
  Caller caller = rig_.call(request("POST /echo", "Content-Length: 1000\r\n") + "some");
  EXPECT_EQ(caller.read_response().status, 408);
  EXPECT_TRUE(until([&] { return rig_.runner->cancels() == std::vector<std::uint32_t>{1}; }));
  expect_served();
}

TEST_F(SlowCaller, WhoseChunkStopsIsRefusedAndItsSlotIsFree) {
  Caller caller = rig_.call(request("POST /echo", "Transfer-Encoding: chunked\r\n") + "5\r\nab");
  EXPECT_EQ(caller.read_response().status, 408);
  expect_served();
}

TEST_F(SlowCaller, WhoIsToldToContinueAndDoesNotIsRefused) {
  Caller caller = rig_.call(request("POST /echo", "Content-Length: 4\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(caller.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(caller.read_response().status, 408);
  expect_served();
}

TEST_F(SlowCaller, WhoDoesNotReadItsResponseIsCutOff) {
  Caller caller = rig_.call(request("GET /big?1000000000"));
  ASSERT_TRUE(until([&] { return rig_.runner->requests() == 1; }));
  EXPECT_TRUE(until([&] { return rig_.running() == 0; }));
  EXPECT_LT(caller.drop(1'000'000'000), 1'000'000'000u);
  expect_served();
}

TEST_F(SlowCaller, WhoIsIdleBetweenRequestsIsClosedWithoutAWord) {
  Caller caller = rig_.call(request("GET /hello"));
  EXPECT_EQ(caller.read_response().body, "hello");
  EXPECT_EQ(caller.read_all(), "");
  EXPECT_TRUE(ended(caller));
}

TEST_F(SlowCaller, WhoWaitsLongForAnAnswerIsNotIdle) {
  rig_.version.timeout = 5s;
  rig_.version.definition_id = "de-2";
  rig_.publish();
  Caller caller = rig_.call(request("GET /silent"));
  EXPECT_FALSE(caller.readable(1s));
}

class Expectation : public testing::Test {
 protected:
  Expectation() { rig_.publish(); }
  Rig rig_;
};

TEST_F(Expectation, MayBeAnsweredByTheBodyAtOnce) {
  Caller caller = rig_.call(request("POST /echo", "Content-Length: 4\r\nExpect: 100-continue\r\n") + "body");
  EXPECT_EQ(caller.read_response().body, "body");
}

TEST_F(Expectation, HoldsForChunksToo) {
  Caller caller = rig_.call(request("POST /echo", "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"));
  EXPECT_EQ(caller.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  caller.send("4\r\nbody\r\n0\r\n\r\n");
  EXPECT_EQ(caller.read_response().body, "body");
}

TEST_F(Expectation, OfABodyThatIsRefusedIsNotMetAndEndsTheConnection) {
  for (const char* refused :
       {"Content-Length: 4294967297\r\n", "Content-Length: 4\r\nConnection: x\r\nHost: twice\r\n"}) {
    Caller caller = rig_.call(request("POST /echo", std::string(refused) + "Expect: 100-continue\r\n"));
    const std::string all = caller.read_all();
    EXPECT_EQ(all.find("100 Continue"), std::string::npos) << all;
    EXPECT_TRUE(all.starts_with("HTTP/1.1 4")) << all;
    EXPECT_NE(all.find("connection: close\r\n"), std::string::npos) << all;
  }
  EXPECT_EQ(rig_.runner->requests(), 0);
}

TEST_F(Expectation, OfAnHttp10CallerIsIgnored) {
  Caller caller =
      rig_.call("POST /echo HTTP/1.0\r\nHost: app.localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
  const std::string all = caller.read_all();
  EXPECT_TRUE(all.starts_with("HTTP/1.1 200 ")) << all;
}

TEST_F(Expectation, ForgottenByTheCallerDoesNotMoveTheNextRequest) {
  Caller caller = rig_.call(request("POST /unknown", "Content-Length: 4\r\nExpect: 100-continue\r\n") + kProbe);
  // "GET " is the body: what follows is no request.
  const std::string all = caller.read_all();
  EXPECT_EQ(all.find("hello"), std::string::npos) << all;
}

class Head : public testing::TestWithParam<const char*> {};

TEST_P(Head, HasNoBodyWhateverTheContainerSends) {
  Rig rig;
  rig.publish();
  Caller caller = rig.call(request(std::string("HEAD ") + GetParam()) + kProbe);
  const std::string head = caller.read_until("\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 ")) << head;
  EXPECT_EQ(caller.read_response().body, "hello");
}

INSTANTIATE_TEST_SUITE_P(
    All, Head,
    testing::Values("/hello", "/chunks", "/trailers", "/big?1000000", "/status?204", "/status?304", "/head"));

}  // namespace
}  // namespace bimodal::gateway

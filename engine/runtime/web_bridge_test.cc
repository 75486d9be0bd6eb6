#include "runtime/web_bridge.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "scheduler/test_support.h"

namespace bimodal::runtime {
namespace {

using namespace std::chrono_literals;
using scheduler::get;
using scheduler::on;
using scheduler::start;
using scheduler::until;

constexpr std::string_view kId = "01HZX4J8Q6W9E2R5T7Y1U3I0PA";
const std::string kCall = "fc-" + std::string(kId);
const std::string kInput = "in-" + std::string(kId);

std::string encoded_head(std::string_view method, wire::RequestKind kind) {
  wire::RequestHead head{.kind = kind, .web_method = "api", .request_id = kId, .method = method, .raw_path = "/"};
  std::string out;
  EXPECT_TRUE(wire::encode(head, out));
  return out;
}

// The gateway's end of a connection, blocking.
class Gateway {
 public:
  explicit Gateway(UniqueFd socket) : socket_(std::move(socket)) {}

  void send(wire::FrameHeader header, std::string_view payload = {}) {
    std::string frame;
    wire::append_frame(frame, header, payload);
    ASSERT_EQ(::send(socket_.get(), frame.data(), frame.size(), MSG_NOSIGNAL), static_cast<ssize_t>(frame.size()));
  }
  void request(
      std::string_view method, std::string_view body, std::uint8_t flags,
      wire::RequestKind kind = wire::RequestKind::Http) {
    const std::string head = encoded_head(method, kind);
    send(
        {.stream = 1,
         .type = wire::FrameType::Request,
         .flags = flags,
         .extra = static_cast<std::uint32_t>(head.size())},
        head + std::string(body));
  }
  wire::FrameHeader receive(std::string* payload = nullptr) {
    char bytes[wire::kHeaderSize];
    EXPECT_EQ(::recv(socket_.get(), bytes, sizeof bytes, MSG_WAITALL), static_cast<ssize_t>(sizeof bytes));
    const auto header = wire::decode_frame_header(bytes).value();
    std::string content(header.size, '\0');
    if (header.size > 0) {
      EXPECT_EQ(::recv(socket_.get(), content.data(), content.size(), MSG_WAITALL), ssize_t(content.size()));
    }
    if (payload) *payload = content;
    return header;
  }
  void leave() { socket_.reset(); }

 private:
  UniqueFd socket_;
};

class WebBridgeTest : public testing::Test {
 protected:
  WebBridgeTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    gateway = std::make_unique<Gateway>(UniqueFd(ends[0]));
    loop.start();
    on(loop, [&] {
      bridge = std::make_unique<WebBridge>(loop.executor(), tasks, [] {});
      bridge->adopt(UniqueFd(ends[1]), "ta-1");
    });
    std::string task;
    EXPECT_EQ(gateway->receive(&task).type, wire::FrameType::Hello);
    EXPECT_EQ(task, "ta-1");
  }
  ~WebBridgeTest() override {
    scheduler::wait_for(loop, tasks.close());
    on(loop, [&] { bridge.reset(); });
  }

  std::shared_ptr<WebRequest> taken() {
    std::shared_ptr<WebRequest> request;
    EXPECT_TRUE(until([&] { return on(loop, [&] { return (request = bridge->take()) != nullptr; }); }));
    return request;
  }
  std::optional<WebInput> input(const std::shared_ptr<WebRequest>& request, std::uint64_t taken) {
    return get(start(loop, request->next_input(taken))).value();
  }
  void put(const std::shared_ptr<WebRequest>& request, std::vector<WebOutput> outputs) {
    EXPECT_TRUE(get(start(loop, request->put(std::move(outputs)))));
  }
  void end(const std::string& failure = "") {
    EXPECT_TRUE(on(loop, [&] { return bridge->end(kInput, failure); }));
  }

  Loop loop{"test"};
  Scope tasks{loop.executor(), "connections"};
  std::unique_ptr<WebBridge> bridge;
  std::unique_ptr<Gateway> gateway;
};

WebOutput head(std::uint32_t status, bool trailers = false) {
  return {.kind = WebOutput::Kind::Start, .status = status, .headers = {{"x", "y"}}, .trailers = trailers};
}

WebOutput body(std::string bytes, bool more = false) {
  return {.kind = WebOutput::Kind::Body, .body = std::move(bytes), .more = more};
}

TEST_F(WebBridgeTest, HandsARequestOnUnderItsIdsAndItsAnswerBack) {
  gateway->request("POST", "hello", wire::kEnd);
  auto request = taken();
  EXPECT_EQ(request->input_id(), kInput);
  EXPECT_EQ(on(loop, [&] { return bridge->find(kCall); }), request);
  auto first = input(request, 0);
  EXPECT_EQ(first->body, "hello");
  EXPECT_FALSE(first->more_body);

  put(request, {head(201), body("answer")});
  std::string payload;
  auto frame = gateway->receive(&payload);
  EXPECT_EQ(frame.type, wire::FrameType::Response);
  EXPECT_EQ(frame.flags, wire::kEnd);
  wire::ResponseHead response;
  ASSERT_TRUE(wire::decode(std::string_view(payload).substr(0, frame.extra), response));
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(payload.substr(frame.extra), "answer");
  EXPECT_EQ(input(request, 1)->kind, WebInput::Kind::Disconnect) << "nothing more comes after the response";

  end();
  EXPECT_EQ(gateway->receive().type, wire::FrameType::Done);
  EXPECT_EQ(input(request, 2), std::nullopt);
  EXPECT_TRUE(on(loop, [&] { return bridge->is_idle(); }));
}

TEST_F(WebBridgeTest, GivesTheFirstMessageAtOnceAndBodyAsItComes) {
  gateway->request("POST", "", 0);
  auto request = taken();
  auto first = input(request, 0);
  EXPECT_TRUE(first->body.empty() && first->more_body);
  auto next = start(loop, request->next_input(1));
  EXPECT_EQ(next.wait_for(20ms), std::future_status::timeout);
  gateway->send({.stream = 1, .type = wire::FrameType::Body}, "more");
  EXPECT_EQ(get(std::move(next)).value()->body, "more");
  auto last = start(loop, request->next_input(2));
  auto credit = gateway->receive();
  EXPECT_EQ(credit.type, wire::FrameType::Credit);
  EXPECT_EQ(credit.extra, 4u);
  gateway->send({.stream = 1, .type = wire::FrameType::Body, .flags = wire::kEnd});
  EXPECT_FALSE(get(std::move(last)).value()->more_body);
}

TEST_F(WebBridgeTest, HoldsTheContainerBackUntilTheGatewayTakesMore) {
  gateway->request("GET", "", wire::kEnd);
  auto request = taken();
  const std::size_t size = wire::kInitialCredit + 1000;
  auto putting = start(loop, request->put({head(200), body(std::string(size, 'x'))}));
  std::size_t received = 0;
  while (received < wire::kInitialCredit) {
    auto frame = gateway->receive();
    received += frame.size - frame.extra;
  }
  EXPECT_EQ(received, wire::kInitialCredit);
  EXPECT_EQ(putting.wait_for(20ms), std::future_status::timeout);
  auto second = get(start(loop, request->put({body("out of turn")})));
  EXPECT_EQ(second.error().code, Code::FailedPrecondition);
  gateway->send({.stream = 1, .type = wire::FrameType::Credit, .extra = 5000});
  EXPECT_TRUE(get(std::move(putting)));
  EXPECT_EQ(gateway->receive().size, 1000u);
}

TEST_F(WebBridgeTest, SaysWhyAnApplicationFailed) {
  gateway->request("GET", "", wire::kEnd);
  auto request = taken();
  end("ValueError: no");
  std::string reason;
  EXPECT_EQ(gateway->receive(&reason).type, wire::FrameType::Abort);
  EXPECT_EQ(reason, "ValueError: no");
  EXPECT_EQ(gateway->receive().type, wire::FrameType::Done);
}

TEST_F(WebBridgeTest, BreaksAResponseOffThatIsNone) {
  gateway->request("GET", "", wire::kEnd);
  auto request = taken();
  put(request, {body("before its head")});
  EXPECT_EQ(gateway->receive().type, wire::FrameType::Abort);
  put(request, {head(200), body("dropped")});
  end();
  EXPECT_EQ(gateway->receive().type, wire::FrameType::Done);
}

TEST_F(WebBridgeTest, PassesTrailersBehindTheBody) {
  gateway->request("GET", "", wire::kEnd);
  auto request = taken();
  WebOutput trailers{.kind = WebOutput::Kind::Trailers, .headers = {{"x-sum", "1"}}};
  put(request, {head(200, true), body("body"), trailers});
  EXPECT_EQ(gateway->receive().flags, 0);
  EXPECT_EQ(gateway->receive().type, wire::FrameType::Trailers);
  auto frame = gateway->receive();
  EXPECT_EQ(frame.type, wire::FrameType::Body);
  EXPECT_EQ(frame.flags, wire::kEnd);
}

TEST_F(WebBridgeTest, SendsNoBodyForHead) {
  gateway->request("HEAD", "", wire::kEnd);
  auto request = taken();
  put(request, {head(200), body("invisible")});
  auto frame = gateway->receive();
  EXPECT_EQ(frame.size, frame.extra);
}

TEST_F(WebBridgeTest, TellsOfACallerThatLeftAndOfATimeout) {
  gateway->request("GET", "", wire::kEnd);
  auto request = taken();
  (void)input(request, 0);
  gateway->send({.stream = 1, .type = wire::FrameType::Cancel, .extra = 1});
  EXPECT_EQ(input(request, 1)->kind, WebInput::Kind::Disconnect);
  EXPECT_TRUE(on(loop, [&] { return bridge->take_timed_out().empty(); })) << "it may go on by itself";
  put(request, {head(200), body("unheard")});
  gateway->send({.stream = 1, .type = wire::FrameType::Cancel, .extra = 2});
  EXPECT_TRUE(until([&] { return on(loop, [&] { return bridge->take_timed_out(); }) == std::vector{kInput}; }));
  end("the request was cancelled");
  EXPECT_EQ(gateway->receive().type, wire::FrameType::Abort);
}

TEST_F(WebBridgeTest, DropsARequestThatWasCancelledBeforeTheContainerTookIt) {
  gateway->request("GET", "", wire::kEnd);
  ASSERT_TRUE(until([&] { return on(loop, [&] { return !bridge->is_idle(); }); }));
  gateway->send({.stream = 1, .type = wire::FrameType::Cancel, .extra = 1});
  EXPECT_EQ(gateway->receive().type, wire::FrameType::Done);
  EXPECT_EQ(on(loop, [&] { return bridge->take(); }), nullptr);
}

TEST_F(WebBridgeTest, LetsARequestEndWhoseGatewayIsGone) {
  gateway->request("GET", "", wire::kEnd);
  auto request = taken();
  (void)input(request, 0);
  gateway->leave();
  EXPECT_EQ(input(request, 1)->kind, WebInput::Kind::Disconnect);
  put(request, {head(200), body("unheard")});
  end();
}

TEST_F(WebBridgeTest, CarriesAWebSocketsMessagesBothWays) {
  gateway->request("GET", "", wire::kEnd, wire::RequestKind::WebSocket);
  auto request = taken();
  EXPECT_EQ(input(request, 0)->kind, WebInput::Kind::Connect);
  put(request, {{.kind = WebOutput::Kind::Accept, .headers = {{"x", "y"}}, .body = "chat"}});
  std::string payload;
  EXPECT_EQ(gateway->receive(&payload).type, wire::FrameType::Accept);
  wire::AcceptHead accepted;
  ASSERT_TRUE(wire::decode(payload, accepted));
  EXPECT_EQ(accepted.subprotocol, "chat");

  gateway->send({.stream = 1, .type = wire::FrameType::Text}, "two ");
  EXPECT_EQ(gateway->receive().extra, 4 + wire::kMessageCost) << "a piece is no message: its credit comes back at once";
  gateway->send({.stream = 1, .type = wire::FrameType::Text, .flags = wire::kEnd}, "pieces");
  auto message = input(request, 1);
  EXPECT_EQ(message->kind, WebInput::Kind::Text);
  EXPECT_EQ(message->body, "two pieces");
  put(request, {{.kind = WebOutput::Kind::Binary, .body = "answer"}});
  auto frame = gateway->receive(&payload);
  EXPECT_EQ(frame.type, wire::FrameType::Binary);
  EXPECT_EQ(frame.flags, wire::kEnd);
  EXPECT_EQ(payload, "answer");

  gateway->send({.stream = 1, .type = wire::FrameType::Close, .extra = 4001}, "enough");
  auto closed = input(request, 2);
  EXPECT_EQ(gateway->receive().extra, 6 + wire::kMessageCost);
  EXPECT_EQ(closed->kind, WebInput::Kind::Closed);
  EXPECT_EQ(closed->code, 4001u);
  end();
  EXPECT_EQ(gateway->receive().type, wire::FrameType::Done);
}

TEST_F(WebBridgeTest, ClosesAWebSocketAsItsApplicationSays) {
  gateway->request("GET", "", wire::kEnd, wire::RequestKind::WebSocket);
  auto request = taken();
  put(request, {{.kind = WebOutput::Kind::Accept}, {.kind = WebOutput::Kind::Close, .status = 4000, .body = "bye"}});
  EXPECT_EQ(gateway->receive().type, wire::FrameType::Accept);
  std::string reason;
  auto frame = gateway->receive(&reason);
  EXPECT_EQ(frame.type, wire::FrameType::Close);
  EXPECT_EQ(frame.extra, 4000u);
  EXPECT_EQ(reason, "bye");
  EXPECT_EQ(input(request, 0)->kind, WebInput::Kind::Connect);
  EXPECT_EQ(input(request, 1)->code, 4000u);
  end();
}

TEST_F(WebBridgeTest, BreaksOffWhatHasNoPlaceInItsKindOfConnection) {
  gateway->request("GET", "", wire::kEnd, wire::RequestKind::WebSocket);
  auto request = taken();
  put(request, {{.kind = WebOutput::Kind::Text, .body = "before it is accepted"}});
  EXPECT_EQ(gateway->receive().type, wire::FrameType::Abort);
  end();
  EXPECT_EQ(gateway->receive().type, wire::FrameType::Done);
}

TEST_F(WebBridgeTest, TellsAWebSocketOfACallerThatIsLostWhateverItSaidBefore) {
  gateway->request("GET", "", wire::kEnd, wire::RequestKind::WebSocket);
  auto request = taken();
  EXPECT_EQ(input(request, 0)->kind, WebInput::Kind::Connect);
  gateway->send({.stream = 1, .type = wire::FrameType::Text, .flags = wire::kEnd}, "unread");
  gateway->leave();
  auto last = input(request, 1);
  if (last->kind == WebInput::Kind::Text) last = input(request, 2);
  EXPECT_EQ(last->kind, WebInput::Kind::Closed);
  EXPECT_EQ(last->code, 1006u);
  end();
}

}  // namespace
}  // namespace bimodal::runtime

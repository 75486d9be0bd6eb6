// Calls of a container as frames.
#include "rpc/frame_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include "rpc/host_fixture.h"

namespace bimodal::rpc {
namespace {

std::string number(std::uint32_t value) {
  std::string out;
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xFF);
  return out;
}

std::string text(const std::string& value) {
  return static_cast<char>(value.size()) + value;
}

std::string framed(const std::string& body) {
  return number(static_cast<std::uint32_t>(body.size())) + body;
}

std::string call_frame(
    std::uint32_t id, const std::string& rpc, const Message& request, const std::string& key = "",
    std::uint32_t timeout_ms = 0) {
  return framed(
      number(id) + '\0' + text("/modal.client.ModalClient/" + rpc) + text(key) + number(timeout_ms) +
      request.SerializeAsString());
}

const std::string kHello = "BMF1" + text("1.6.4");

class FrameConnectionTest : public HostTest {
 protected:
  struct Answer {
    std::uint32_t id = 0;
    int status = -1;
    std::string payload;
  };

  FrameConnectionTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    host_->adopt(UniqueFd(ends[0]), "ta-A");
    mine_.reset(ends[1]);
  }

  void send(const std::string& bytes) {
    ASSERT_EQ(::send(mine_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  // Status -1: the server hung up, or said nothing in time.
  Answer read() {
    while (received_.size() < 4 || received_.size() < 4 + size()) {
      pollfd polled{mine_.get(), POLLIN, 0};
      char buffer[65536];
      const ssize_t count = ::poll(&polled, 1, 5000) > 0 ? ::recv(mine_.get(), buffer, sizeof buffer, 0) : 0;
      if (count <= 0) return {};
      received_.append(buffer, static_cast<std::size_t>(count));
    }
    const std::size_t end = 4 + size();
    Answer answer{value_at(4), static_cast<unsigned char>(received_[8]), received_.substr(9, end - 9)};
    received_.erase(0, end);
    return answer;
  }

  bool hung_up() {
    pollfd polled{mine_.get(), POLLIN, 0};
    char byte = 0;
    return ::poll(&polled, 1, 5000) > 0 && ::recv(mine_.get(), &byte, 1, 0) <= 0;
  }

  UniqueFd mine_;

 private:
  std::uint32_t value_at(std::size_t at) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(received_[at + i])} << 8 * i;
    return value;
  }
  std::size_t size() const { return value_at(0); }

  std::string received_;
};

TEST_F(FrameConnectionTest, AnswersAsTheContainerThatItIs) {
  send(kHello + call_frame(7, "WorkspaceNameLookup", Empty()));
  const Answer answer = read();
  EXPECT_EQ(answer.id, 7u);
  EXPECT_EQ(answer.status, 0);
  api::WorkspaceNameLookupResponse response;
  ASSERT_TRUE(response.ParseFromString(answer.payload));
  EXPECT_EQ(response.username(), "ta-A");
  EXPECT_EQ(response.workspace_name(), "1.6.4");
}

TEST_F(FrameConnectionTest, ReadsFramesHoweverTheyAreCut) {
  std::string bytes = kHello;
  for (std::uint32_t id = 0; id < 5; ++id) bytes += call_frame(id, "WorkspaceNameLookup", Empty());
  for (char byte : bytes) send(std::string(1, byte));
  for (std::uint32_t id = 0; id < 5; ++id) EXPECT_EQ(read().id, id);
}

TEST_F(FrameConnectionTest, TellsErrorsByStatusAndText) {
  api::AppGetLifecycleRequest request;
  request.set_app_id("ap-x");
  send(kHello + call_frame(1, "AppGetLifecycle", request));
  Answer answer = read();
  EXPECT_EQ(answer.status, static_cast<int>(Code::NotFound));
  EXPECT_EQ(answer.payload, "No app ap-x");
  request.set_app_id("throws");
  send(call_frame(2, "AppGetLifecycle", request));
  EXPECT_EQ(read().status, static_cast<int>(Code::Internal));
  send(call_frame(3, "AppList", request) + call_frame(4, "AppGetLogs", request));
  EXPECT_EQ(read().status, static_cast<int>(Code::Unimplemented));
  EXPECT_EQ(read().status, static_cast<int>(Code::Unimplemented)) << "streams go over gRPC";
}

TEST_F(FrameConnectionTest, GivesARetriedMutationItsFirstAnswer) {
  send(
      kHello + call_frame(1, "AppCreate", api::AppCreateRequest(), "key") +
      call_frame(2, "AppCreate", api::AppCreateRequest(), "key"));
  EXPECT_EQ(read().payload, read().payload);
  EXPECT_EQ(handlers_.created, 1);
}

TEST_F(FrameConnectionTest, CancelsAQueryWhenItIsTold) {
  api::AppGetLifecycleRequest request;
  request.set_app_id("waits");
  send(kHello + call_frame(1, "AppGetLifecycle", request));
  send(call_frame(2, "WorkspaceNameLookup", Empty()));
  EXPECT_EQ(read().id, 2u) << "one call doesn't hold another up";
  send(framed(number(1) + '\1'));
  EXPECT_EQ(read().status, static_cast<int>(Code::Cancelled));
}

TEST_F(FrameConnectionTest, CancelsQueriesAndFinishesMutationsOfACallerThatIsGone) {
  api::AppGetLifecycleRequest request;
  request.set_app_id("waits");
  send(kHello + call_frame(1, "AppGetLifecycle", request) + call_frame(2, "AppCreate", api::AppCreateRequest(), "k"));
  mine_.reset();
  EXPECT_TRUE(eventually_cancelled());
  for (int i = 0; i < 500 && handlers_.created == 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(handlers_.created, 1);
}

TEST_F(FrameConnectionTest, HangsUpOnWhatItCannotRead) {
  send(kHello + framed("short"));
  EXPECT_TRUE(hung_up());
}

TEST_F(FrameConnectionTest, HangsUpOnAFrameThatIsTooLong) {
  send(kHello + number(kMaxFrame + 1));
  EXPECT_TRUE(hung_up());
}

TEST_F(FrameConnectionTest, HangsUpOnANumberThatIsInUse) {
  api::AppGetLifecycleRequest request;
  request.set_app_id("waits");
  send(kHello + call_frame(1, "AppGetLifecycle", request) + call_frame(1, "AppGetLifecycle", request));
  EXPECT_TRUE(hung_up());
}

TEST_F(FrameConnectionTest, AnswersWhoReadsLate) {
  api::AppCreateRequest request;
  std::string bytes = kHello;
  for (std::uint32_t id = 0; id < 20'000; ++id) bytes += call_frame(id, "WorkspaceNameLookup", Empty());
  std::thread sender([&] { send(bytes); });
  std::this_thread::sleep_for(100ms);
  for (std::uint32_t id = 0; id < 20'000; ++id) ASSERT_EQ(read().id, id);
  sender.join();
}

TEST_F(FrameConnectionTest, EndsItsCallsWhenTheServerCloses) {
  api::AppGetLifecycleRequest request;
  request.set_app_id("waits");
  send(kHello + call_frame(1, "AppGetLifecycle", request) + call_frame(2, "WorkspaceNameLookup", Empty()));
  EXPECT_EQ(read().id, 2u);
  loop_.run_blocking(host_->close(Deadline::after(5s)));
  const Answer answer = read();
  EXPECT_EQ(answer.status, static_cast<int>(Code::Unavailable));
  host_ = *Host::listen("127.0.0.1:0", tokens_, loop_.executor(), service_);
}

}  // namespace
}  // namespace bimodal::rpc

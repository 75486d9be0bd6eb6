#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "rpc/connections.h"
#include "rpc/fields.h"
#include "rpc/host_fixture.h"

namespace bimodal::rpc {
namespace {

TEST_F(HostTest, MapsAnErrorToItsStatus) {
  const auto status = lifecycle("ap-x");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "No app ap-x");
}

TEST_F(HostTest, AnswersInternalWhenAHandlerThrows) {
  EXPECT_EQ(lifecycle("throws").error_code(), grpc::StatusCode::INTERNAL);
}

TEST_F(HostTest, RefusesAWrongToken) {
  grpc::ClientContext context;
  context.AddMetadata("x-modal-token-id", "ak-1");
  context.AddMetadata("x-modal-token-secret", "as-2");
  api::AppCreateResponse response;
  const auto status = stub_->AppCreate(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_NE(status.error_message().find("token"), std::string::npos);
}

TEST_F(HostTest, LetsClientHelloInWithoutAToken) {
  grpc::ClientContext context;
  api::ClientHelloResponse response;
  EXPECT_TRUE(stub_->ClientHello(&context, {}, &response).ok());
  grpc::ClientContext second;
  api::AppCreateResponse created;
  EXPECT_EQ(stub_->AppCreate(&second, {}, &created).error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(HostTest, NamesTheRpcThatItDoesNotServe) {
  grpc::ClientContext context;
  sign(context);
  api::AppListResponse response;
  const auto status = stub_->AppList(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_NE(status.error_message().find("AppList"), std::string::npos);
}

TEST_F(HostTest, GivesARetriedMutationItsFirstAnswer) {
  api::AppCreateResponse first, second, other;
  ASSERT_TRUE(create("key-1", "", &first).ok());
  ASSERT_TRUE(create("key-1", "", &second).ok());
  ASSERT_TRUE(create("key-2", "", &other).ok());
  EXPECT_EQ(first.app_id(), second.app_id());
  EXPECT_NE(first.app_id(), other.app_id());
}

TEST_F(HostTest, JoinsTwoAttemptsThatRunAtOnce) {
  api::AppCreateResponse first, second;
  std::thread other([&] { EXPECT_TRUE(create("key", "", &first).ok()); });
  EXPECT_TRUE(create("key", "", &second).ok());
  other.join();
  EXPECT_EQ(first.app_id(), second.app_id());
  EXPECT_EQ(handlers_.created, 1);
}

TEST_F(HostTest, RunsAFailedMutationAgain) {
  api::AppCreateResponse response;
  EXPECT_FALSE(create("key", "bad", &response).ok());
  EXPECT_FALSE(create("key", "bad", &response).ok());
  EXPECT_EQ(handlers_.created, 2);
}

TEST_F(HostTest, CancelsAQueryWhenItsCallerGivesUp) {
  grpc::ClientContext context;
  sign(context);
  std::thread caller([&] {
    api::AppGetLifecycleRequest request;
    request.set_app_id("waits");
    api::AppGetLifecycleResponse response;
    EXPECT_EQ(stub_->AppGetLifecycle(&context, request, &response).error_code(), grpc::StatusCode::CANCELLED);
  });
  EXPECT_TRUE(eventually(handlers_.waiting));
  context.TryCancel();
  caller.join();
  EXPECT_TRUE(eventually_cancelled());
}

TEST_F(HostTest, FinishesAMutationWhoseCallerGaveUp) {
  grpc::ClientContext context;
  sign(context);
  context.AddMetadata("x-idempotency-key", "k");
  context.set_deadline(std::chrono::system_clock::now() + 5ms);
  api::AppCreateResponse response;
  stub_->AppCreate(&context, {}, &response);
  api::AppCreateResponse retried;
  ASSERT_TRUE(create("k", "", &retried).ok());
  EXPECT_EQ(handlers_.created, 1);
}

TEST_F(HostTest, StreamsMessagesThenTheStatus) {
  grpc::ClientContext context;
  sign(context);
  auto reader = stub_->AppGetLogs(&context, {});
  api::TaskLogsBatch batch;
  int count = 0;
  while (reader->Read(&batch)) EXPECT_EQ(batch.entry_id(), std::to_string(count++));
  EXPECT_EQ(count, 3);
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(HostTest, CancelsAStreamWhenItsReaderGoes) {
  grpc::ClientContext context;
  sign(context);
  api::AppGetLogsRequest request;
  request.set_app_id("endless");
  auto reader = stub_->AppGetLogs(&context, request);
  api::TaskLogsBatch batch;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(reader->Read(&batch));
  context.TryCancel();
  reader->Finish();
  EXPECT_TRUE(eventually_cancelled());
}

TEST_F(HostTest, EndsStreamsWhenItCloses) {
  grpc::ClientContext context;
  sign(context);
  api::AppGetLogsRequest request;
  request.set_app_id("endless");
  auto reader = stub_->AppGetLogs(&context, request);
  api::TaskLogsBatch batch;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(reader->Read(&batch));
  loop_.run_blocking(host_->close(Deadline::after(5s)));
  EXPECT_FALSE(reader->Read(&batch));
  EXPECT_FALSE(reader->Finish().ok());
}

TEST_F(HostTest, KnowsAContainerByItsConnection) {
  std::vector<std::unique_ptr<api::ModalClient::Stub>> stubs;
  for (const char* task : {"ta-A", "ta-B"}) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    host_->adopt(UniqueFd(ends[0]), task);
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    stubs.push_back(api::ModalClient::NewStub(grpc::CreateInsecureChannelFromFd(task, ends[1])));
  }
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    context.AddMetadata("x-modal-client-version", "1.6.4");
    api::WorkspaceNameLookupResponse response;
    const auto status = stubs[i]->WorkspaceNameLookup(&context, {}, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.username(), i == 0 ? "ta-A" : "ta-B");
    EXPECT_EQ(response.workspace_name(), "1.6.4");
  }
}

UniqueFd adopted(Host& host, const std::string& task_id) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return UniqueFd();
  host.adopt(UniqueFd(ends[0]), task_id);
  return UniqueFd(ends[1]);
}

bool is_closed(const UniqueFd& end) {
  pollfd polled{end.get(), POLLRDHUP, 0};
  return ::poll(&polled, 1, 0) > 0 && (polled.revents & (POLLRDHUP | POLLHUP)) != 0;
}

TEST_F(HostTest, HoldsNoMoreConnectionsOfAContainerThanItMay) {
  std::vector<UniqueFd> open;
  for (int i = 0; i < Connections::kMaxPerTask; ++i) open.push_back(adopted(*host_, "ta-A"));
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(is_closed(adopted(*host_, "ta-A"))) << i;
  for (const UniqueFd& each : open) EXPECT_FALSE(is_closed(each));
  EXPECT_FALSE(is_closed(adopted(*host_, "ta-B"))) << "another container's are its own";
  open.clear();
  const auto patience = Deadline::after(20s);
  UniqueFd again = adopted(*host_, "ta-A");
  while (is_closed(again) && !patience.passed()) {  // gRPC closes its ends on threads of its own
    std::this_thread::sleep_for(5ms);
    again = adopted(*host_, "ta-A");
  }
  EXPECT_FALSE(is_closed(again));
}

TEST_F(HostTest, ServesContainersWhileItRefusesClients) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  host_->adopt(UniqueFd(ends[0]), "ta-A");
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  auto container = api::ModalClient::NewStub(grpc::CreateInsecureChannelFromFd("container", ends[1]));
  host_->refuse_clients();
  EXPECT_EQ(lifecycle("ap-x").error_code(), grpc::StatusCode::UNAVAILABLE);
  grpc::ClientContext context;
  api::WorkspaceNameLookupResponse response;
  EXPECT_TRUE(container->WorkspaceNameLookup(&context, {}, &response).ok());
}

TEST_F(HostTest, SaysThatAPortIsTaken) {
  const auto second = Host::listen("127.0.0.1:" + std::to_string(host_->port()), tokens_, loop_.executor(), service_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::AlreadyExists);
  EXPECT_NE(second.error().message.find(std::to_string(host_->port())), std::string::npos);
}

TEST_F(HostTest, TakesAMessageOf20MiB) {
  api::AppCreateResponse response;
  EXPECT_TRUE(create("", std::string(20 << 20, 'x'), &response).ok());
}

TEST(Fields, NamesTheFieldThatIsSetAndUnsupported) {
  api::Function function;
  EXPECT_TRUE(refuse_fields("function 'f'", function, {{"volume_mounts", "volumes="}}));
  function.add_volume_mounts();
  const auto refused = refuse_fields("function 'f'", function, {{"volume_mounts", "volumes="}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::InvalidArgument);
  EXPECT_NE(refused.error().message.find("volumes="), std::string::npos);
}

TEST(Fields, NamesAnUnknownFieldAtAnyDepth) {
  api::FunctionCreateRequest request;
  EXPECT_TRUE(refuse_unknown_fields("function 'f'", request));
  auto* resources = request.mutable_function()->mutable_resources();
  resources->GetReflection()->MutableUnknownFields(resources)->AddVarint(777, 1);
  const auto refused = refuse_unknown_fields("function 'f'", request);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("777"), std::string::npos);
}

}  // namespace
}  // namespace bimodal::rpc

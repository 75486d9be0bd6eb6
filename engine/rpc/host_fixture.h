// For tests: a Host on a port of its own with handlers for a few RPCs, and a client of it.
#pragma once

#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "async/loop.h"
#include "async/pulse.h"
#include "modal_client/api.grpc.pb.h"
#include "rpc/host.h"

namespace bimodal::rpc {

namespace api = modal::client;
using namespace std::chrono_literals;

// Handlers of the tests. Everything is touched on the loop, but for what tests read after a reply.
class Handlers {
 public:
  explicit Handlers(boost::asio::any_io_executor executor) : ended(std::move(executor)) {}

  void bind(Service& service) {
    service.query("AppGetLifecycle", this, &Handlers::lifecycle);
    service.mutation("AppCreate", this, &Handlers::create);
    service.query("WorkspaceNameLookup", this, &Handlers::who);
    service.stream("AppGetLogs", this, &Handlers::logs);
    service.query("ClientHello", this, &Handlers::hello);
  }

  Task<Result<api::AppGetLifecycleResponse>> lifecycle(Call call, api::AppGetLifecycleRequest request) {
    if (request.app_id() == "throws") throw std::runtime_error("a bug");
    if (request.app_id() == "waits") {
      waiting = true;
      co_await ended.wait(Deadline::never());
      cancelled = true;
      co_await sleep_until(Deadline::never());
    }
    co_return error(Code::NotFound, "No app {}", request.app_id());
  }

  Task<Result<api::AppCreateResponse>> create(Call call, api::AppCreateRequest request) {
    ++created;
    co_await sleep_until(Deadline::after(20ms));
    if (request.description() == "bad") co_return error(Code::InvalidArgument, "bad");
    api::AppCreateResponse response;
    response.set_app_id("ap-" + std::to_string(created));
    co_return response;
  }

  Task<Result<api::WorkspaceNameLookupResponse>> who(Call call, Empty) {
    api::WorkspaceNameLookupResponse response;
    response.set_username(call.caller.task_id);
    response.set_workspace_name(call.caller.client_version);
    co_return response;
  }

  Task<Result<api::ClientHelloResponse>> hello(Call, Empty) { co_return api::ClientHelloResponse(); }

  Task<Result<void>> logs(Call, api::AppGetLogsRequest request, Writer<api::TaskLogsBatch> writer) {
    for (int i = 0; i < 3; ++i) {
      api::TaskLogsBatch batch;
      batch.set_entry_id(std::to_string(i));
      const bool written = co_await writer.write(std::move(batch));
      if (!written) {
        cancelled = true;
        co_return Result<void>();
      }
    }
    if (request.app_id() == "endless") {
      co_await ended.wait(Deadline::never());
      cancelled = true;
    }
    co_return error(Code::NotFound, "enough");
  }

  Pulse ended;
  std::atomic<bool> waiting = false;    // a query has begun to
  std::atomic<bool> cancelled = false;  // what waited or wrote was ended by its caller
  std::atomic<int> created = 0;
};

class HostTest : public testing::Test {
 protected:
  HostTest() : loop_("test"), handlers_(loop_.executor()) {
    handlers_.bind(service_);
    loop_.start();
    host_ = *Host::listen("127.0.0.1:0", tokens_, loop_.executor(), service_);
    stub_ = api::ModalClient::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(host_->port()), grpc::InsecureChannelCredentials()));
  }
  ~HostTest() override {
    loop_.run_blocking(host_->close(Deadline::after(5s)));
    host_.reset();
  }

  static void sign(grpc::ClientContext& context, const std::string& id = "ak-1", const std::string& secret = "as-1") {
    context.AddMetadata("x-modal-token-id", id);
    context.AddMetadata("x-modal-token-secret", secret);
  }

  grpc::Status create(const std::string& key, const std::string& description, api::AppCreateResponse* response) {
    grpc::ClientContext context;
    sign(context);
    if (!key.empty()) context.AddMetadata("x-idempotency-key", key);
    api::AppCreateRequest request;
    request.set_description(description);
    return stub_->AppCreate(&context, request, response);
  }

  grpc::Status lifecycle(const std::string& app_id, std::chrono::milliseconds timeout = 5s) {
    grpc::ClientContext context;
    sign(context);
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    api::AppGetLifecycleRequest request;
    request.set_app_id(app_id);
    api::AppGetLifecycleResponse response;
    return stub_->AppGetLifecycle(&context, request, &response);
  }

  static bool eventually(const std::atomic<bool>& fact) {
    for (int i = 0; i < 2000 && !fact; ++i) std::this_thread::sleep_for(10ms);
    return fact;
  }
  bool eventually_cancelled() { return eventually(handlers_.cancelled); }

  Loop loop_;
  Handlers handlers_;
  Service service_;
  Tokens tokens_{Token{"ak-1", "as-1"}};
  std::unique_ptr<Host> host_;
  std::unique_ptr<api::ModalClient::Stub> stub_;
};

}  // namespace bimodal::rpc

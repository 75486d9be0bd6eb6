// For tests of this module: the API services over a loopback gRPC server, on a real database in a temporary folder,
// with containers that are lines in a list.
#pragma once

#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async/loop.h"
#include "calls/calls.h"
#include "control/app_queries.h"
#include "control/apps.h"
#include "control/bindings.h"
#include "control/environments.h"
#include "control/function_queries.h"
#include "control/function_scaling.h"
#include "control/functions.h"
#include "control/publisher.h"
#include "control/secrets.h"
#include "control/workspace.h"
#include "modal_client/api.grpc.pb.h"
#include "rpc/host.h"
#include "scheduler/fake_launcher.h"
#include "scheduler/functions.h"
#include "store/blobs.h"
#include "store/logs.h"
#include "store/secret_box.h"
#include "store/secret_table.h"

namespace bimodal::control {

// A fresh folder, removed at the end.
class TemporaryHome {
 public:
  TemporaryHome() {
    std::string pattern = testing::TempDir() + "bimodal-control-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryHome() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// One life of the daemon's API on `home`. Made and destroyed on the test's thread.
class Api {
 public:
  explicit Api(const std::filesystem::path& home)
      : database_(*store::Database::open(home / "state.db")),
        box_(*store::SecretBox::open(home / "keys" / "secrets.key")),
        blobs_(home / "blobs"),
        logs_(home / "logs", 1 << 20),
        launcher_(loop_.executor()),
        functions_(launcher_, loop_.executor(), {}),
        context_(make_context(home)),
        registry_(loop_.executor()),
        bindings_(context_, registry_, service_),
        calls_(
            loop_.executor(), context_.pool, *database_, functions_, [](const std::string&) { return nullptr; },
            [](const std::string&) { return nullptr; }, {}),
        publisher_(context_, registry_, calls_),
        workspace_(context_, service_),
        environments_(context_, publisher_, service_),
        apps_(context_, publisher_, calls_, service_),
        app_queries_(context_, service_),
        creation_(context_, registry_, service_),
        queries_(context_, bindings_, service_),
        scaling_(context_, bindings_, calls_, service_),
        secrets_(context_, service_) {
    loop_.start();
    loop_.run_blocking(recover());
    host_ = *rpc::Host::listen("127.0.0.1:0", tokens_, loop_.executor(), service_);
    stub_ = api::ModalClient::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(host_->port()), grpc::InsecureChannelCredentials()));
  }
  ~Api() { loop_.run_blocking(close()); }

  // Calls `method` with a valid token. Use as api.call(&Stub::AppCreate, request, &response).
  using Stub = api::ModalClient::Stub;
  template <typename Request, typename Response>
  grpc::Status call(
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*), const Request& request,
      Response* response) {
    grpc::ClientContext context;
    context.AddMetadata("x-modal-token-id", "ak-1");
    context.AddMetadata("x-modal-token-secret", "as-1");
    context.AddMetadata("x-modal-client-version", "1.6.4");
    return (stub_.get()->*method)(&context, request, response);
  }

  std::vector<model::Route> routes() {
    std::lock_guard lock(mutex_);
    return routes_;
  }
  // The route of that host; nullopt when there is none.
  std::optional<model::Route> route(const std::string& host) {
    for (const auto& route : routes()) {
      if (route.host == host) return route;
    }
    return std::nullopt;
  }

  // A secret's variables, as containers would get them.
  store::Variables variables(const std::string& secret_id) {
    return *database_->transact(
        [&](store::Transaction& transaction) { return store::SecretTable(transaction, box_).variables(secret_id); });
  }

  bool serves(const std::string& function_id) {
    auto handle = functions_.find(function_id);
    return handle != nullptr && handle->pool().has_value();
  }

 private:
  Context make_context(const std::filesystem::path& home) {
    Settings settings;
    settings.home = home;
    settings.workspace = "ws";
    auto keep = [this](std::vector<model::Route> routes) {
      std::lock_guard lock(mutex_);
      routes_ = std::move(routes);
    };
    return {loop_.executor(), pool_,   *database_, blobs_, logs_, box_,
            &functions_,      nullptr, nullptr,    keep,   {},    settings};
  }

  Task<void> recover() {
    const auto recovered = co_await publisher_.recover();
    EXPECT_TRUE(recovered);
    const auto watching = co_await apps_.watch_ends();
    EXPECT_TRUE(watching);
  }

  Task<void> close() {
    co_await host_->close(Deadline::after(std::chrono::seconds(5)));
    co_await functions_.close(Deadline::after(std::chrono::seconds(5)));
    co_await apps_.close();
    co_await publisher_.close();
  }

  Loop loop_{"control"};
  BlockingPool pool_{2};
  std::unique_ptr<store::Database> database_;
  store::SecretBox box_;
  store::Blobs blobs_;
  store::Logs logs_;
  scheduler::FakeLauncher launcher_;
  scheduler::Functions functions_;
  std::mutex mutex_;
  std::vector<model::Route> routes_;
  Context context_;
  rpc::Service service_;
  rpc::Tokens tokens_{{"ak-1", "as-1"}};
  Registry registry_;
  Bindings bindings_;
  calls::Calls calls_;
  Publisher publisher_;
  Workspace workspace_;
  Environments environments_;
  Apps apps_;
  AppQueries app_queries_;
  Functions creation_;
  FunctionQueries queries_;
  FunctionScaling scaling_;
  Secrets secrets_;
  std::unique_ptr<rpc::Host> host_;
  std::unique_ptr<Stub> stub_;
};

}  // namespace bimodal::control

// For tests: a home directory with everything that services work on, and calls as rpc::Host would make them.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async/loop.h"
#include "base/ids.h"
#include "control/api.h"
#include "control/context.h"
#include "rpc/service.h"
#include "store/blobs.h"
#include "store/logs.h"
#include "store/secret_box.h"

namespace bimodal::control {

class ServiceTest : public testing::Test {
 protected:
  ServiceTest()
      : home_(std::filesystem::temp_directory_path() / ("bimodal-control-" + random_text(12))),
        database_((std::filesystem::create_directories(home_), *store::Database::open(home_ / "state.db"))),
        blobs_(home_ / "blobs"),
        logs_(home_ / "logs", 1 << 20),
        box_(*store::SecretBox::open(home_ / "keys" / "secrets.key")) {
    context_.settings.home = home_;
    loop_.start();
  }
  ~ServiceTest() override { std::filesystem::remove_all(home_); }

  static rpc::Caller client() {
    rpc::Caller caller;
    caller.kind = rpc::Caller::Kind::Client;
    return caller;
  }
  static rpc::Caller container(std::string task_id) {
    rpc::Caller caller;
    caller.kind = rpc::Caller::Kind::Container;
    caller.task_id = std::move(task_id);
    return caller;
  }

  // Calls a unary RPC on the loop and waits for its answer.
  template <typename Response, typename Request>
  Result<Response> call(const std::string& rpc, const Request& request, rpc::Caller caller = client()) {
    Result<rpc::SharedMessage> answer = rpc::SharedMessage();
    loop_.run_blocking(run(rpc, std::make_unique<Request>(request), std::move(caller), nullptr, answer));
    if (!answer) return tl::unexpected<Error>(answer.error());
    return static_cast<const Response&>(**answer);
  }

  // Calls a streaming RPC and waits for its end. What came is in `messages`.
  template <typename Response, typename Request>
  Result<void> stream(const std::string& rpc, const Request& request, std::vector<Response>& messages) {
    struct Collector : rpc::Outlet {
      explicit Collector(std::vector<Response>& out) : out(out) {}
      Task<bool> write(rpc::SharedMessage message) override {
        out.push_back(static_cast<const Response&>(*message));
        co_return true;
      }
      std::vector<Response>& out;
    };
    Result<rpc::SharedMessage> answer = rpc::SharedMessage();
    auto outlet = std::make_shared<Collector>(messages);
    loop_.run_blocking(run(rpc, std::make_unique<Request>(request), client(), outlet, answer));
    if (!answer) return tl::unexpected<Error>(answer.error());
    return {};
  }

  template <typename F>
  auto transact(F work) {
    return database_->transact(std::move(work));
  }

  std::filesystem::path home_;
  Loop loop_{"test"};
  BlockingPool pool_{2};
  std::unique_ptr<store::Database> database_;
  store::Blobs blobs_;
  store::Logs logs_;
  store::SecretBox box_;
  rpc::Service service_;
  Context context_{loop_.executor(), pool_, *database_, blobs_, logs_, box_, nullptr, nullptr, nullptr, {}, {}};

 private:
  Task<void> run(
      std::string rpc, std::unique_ptr<rpc::Message> request, rpc::Caller caller, std::shared_ptr<rpc::Outlet> outlet,
      Result<rpc::SharedMessage>& answer) {
    const rpc::Method* method = service_.find("/modal.client.ModalClient/" + rpc);
    EXPECT_NE(method, nullptr) << rpc;
    rpc::Call call;
    call.rpc = rpc;
    call.caller = std::move(caller);
    answer = co_await method->run(std::move(call), std::move(request), std::move(outlet));
  }
};

}  // namespace bimodal::control

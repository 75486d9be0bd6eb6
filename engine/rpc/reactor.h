// One call: gRPC's side of it (its threads) and the coroutine that answers it (the control loop).
//
// gRPC calls the On… methods on its own threads; each only parses or posts to the loop. Everything else is loop-bound.
// The object lives until gRPC has reported OnDone and the coroutine has ended.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include <atomic>
#include <boost/asio/cancellation_signal.hpp>
#include <memory>
#include <optional>

#include "async/pulse.h"
#include "rpc/dispatcher.h"

namespace bimodal::rpc {

class Reactor final : public grpc::ServerGenericBidiReactor,
                      public Outlet,
                      public Running,
                      public std::enable_shared_from_this<Reactor> {
 public:
  // Decides who calls and what; refuses at once what can't be served.
  static Reactor* start(Dispatcher& dispatcher, grpc::GenericCallbackServerContext& context);

  Reactor(Dispatcher& dispatcher, grpc::GenericCallbackServerContext& context);

  Kind kind() const override { return method_->kind; }
  bool is_clients() const override { return !held_ && call_.caller.kind != Caller::Kind::Container; }
  const Caller* client() const override {
    return call_.caller.kind == Caller::Kind::Container ? nullptr : &call_.caller;
  }
  void cancel() override;

  Task<bool> write(SharedMessage message) override;

 private:
  void accept();
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void run();
  static Task<void> answer(std::shared_ptr<Reactor> self);
  static Task<void> wait_while_held(std::shared_ptr<Reactor> self);
  void finish(Result<SharedMessage> answer);

  Dispatcher& dispatcher_;
  grpc::GenericCallbackServerContext& context_;
  const Method* method_ = nullptr;
  Call call_;
  grpc::ByteBuffer request_bytes_, reply_bytes_;
  std::unique_ptr<Message> request_;
  std::shared_ptr<Reactor> self_;  // until OnDone
  boost::asio::cancellation_signal cancellation_;
  Pulse written_;
  bool writing_ = false;
  bool caller_gone_ = false;
  bool held_ = false;                        // see Dispatcher::hold_clients()
  std::optional<grpc::Status> after_write_;  // finish with it once the running write is done
};

}  // namespace bimodal::rpc

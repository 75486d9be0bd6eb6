// The RPCs that are served, by name: one line registers a handler, a member coroutine.
//
//   service.mutation("AppCreate", this, &Apps::create);   Task<Result<AppCreateResponse>> create(Call,
//   AppCreateRequest) service.stream("AppGetLogs", this, &Logs::follow);    Task<Result<void>> follow(Call,
//   AppGetLogsRequest, Writer<TaskLogsBatch>)
//
// A name that the protocol doesn't know, or types that aren't that RPC's, end the process at registration. Fill it
// before the Host starts; constant afterwards. Handlers run on the control loop; an Error becomes the gRPC status of
// its code.
#pragma once

#include <google/protobuf/empty.pb.h>
#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "async/task.h"
#include "base/result.h"
#include "rpc/call.h"

namespace bimodal::rpc {

using google::protobuf::Empty;
using google::protobuf::Message;
using SharedMessage = std::shared_ptr<const Message>;

// Where a stream's messages go. Loop-bound.
class Outlet {
 public:
  virtual ~Outlet() = default;
  virtual Task<bool> write(SharedMessage message) = 0;
};

template <typename Response>
class Writer {
 public:
  explicit Writer(std::shared_ptr<Outlet> outlet) : outlet_(std::move(outlet)) {}

  // Completes when gRPC took the message, so a slow reader holds the writer back. False: the caller is gone.
  Task<bool> write(Response message) {
    SharedMessage shared = std::make_shared<Response>(std::move(message));
    co_return co_await outlet_->write(std::move(shared));
  }

 private:
  std::shared_ptr<Outlet> outlet_;
};

enum class Kind {
  Query,     // cancelled when its caller goes
  Mutation,  // runs to its end even then; its answer is remembered by the idempotency key
  Stream,    // cancelled when its caller goes
};

struct Method {
  using Run = std::function<Task<Result<SharedMessage>>(Call, std::unique_ptr<Message>, std::shared_ptr<Outlet>)>;
  std::string name;
  Kind kind = Kind::Query;
  const Message* request = nullptr;  // prototype
  Run run;                           // gives null for a stream
  bool by_bearer = false;            // of the command router: the handler checks Caller::bearer
};

class Service {
 public:
  template <typename T, typename Request, typename Response>
  void query(std::string_view name, T* self, Task<Result<Response>> (T::*handler)(Call, Request)) {
    add(name, Kind::Query, Request::default_instance(), *Response::descriptor(), unary(self, handler));
  }

  template <typename T, typename Request, typename Response>
  void mutation(std::string_view name, T* self, Task<Result<Response>> (T::*handler)(Call, Request)) {
    add(name, Kind::Mutation, Request::default_instance(), *Response::descriptor(), unary(self, handler));
  }

  template <typename T, typename Request, typename Response>
  void stream(std::string_view name, T* self, Task<Result<void>> (T::*handler)(Call, Request, Writer<Response>)) {
    Method::Run run = [self, handler](Call call, std::unique_ptr<Message> request, std::shared_ptr<Outlet> outlet) {
      return run_stream<T, Request, Response>(self, handler, std::move(call), std::move(request), std::move(outlet));
    };
    add(name, Kind::Stream, Request::default_instance(), *Response::descriptor(), std::move(run));
  }

  // By path, "/modal.client.ModalClient/AppCreate". Null when not served.
  const Method* find(const std::string& path) const;

 private:
  template <typename T, typename Request, typename Response>
  static Method::Run unary(T* self, Task<Result<Response>> (T::*handler)(Call, Request)) {
    return [self, handler](Call call, std::unique_ptr<Message> request, std::shared_ptr<Outlet>) {
      return run_unary<T, Request, Response>(self, handler, std::move(call), std::move(request));
    };
  }

  template <typename T, typename Request, typename Response>
  static Task<Result<SharedMessage>> run_unary(
      T* self, Task<Result<Response>> (T::*handler)(Call, Request), Call call, std::unique_ptr<Message> request) {
    Request typed = std::move(static_cast<Request&>(*request));
    Result<Response> answer = co_await (self->*handler)(std::move(call), std::move(typed));
    if (!answer) co_return tl::unexpected<Error>(std::move(answer).error());
    SharedMessage shared = std::make_shared<Response>(*std::move(answer));
    co_return shared;
  }

  template <typename T, typename Request, typename Response>
  static Task<Result<SharedMessage>> run_stream(
      T* self, Task<Result<void>> (T::*handler)(Call, Request, Writer<Response>), Call call,
      std::unique_ptr<Message> request, std::shared_ptr<Outlet> outlet) {
    Request typed = std::move(static_cast<Request&>(*request));
    Writer<Response> writer(std::move(outlet));
    CO_TRY_VOID(co_await (self->*handler)(std::move(call), std::move(typed), std::move(writer)));
    co_return SharedMessage();
  }

  void add(
      std::string_view name, Kind kind, const Message& request, const google::protobuf::Descriptor& response,
      Method::Run run);

  std::unordered_map<std::string, Method> methods_;  // by path
};

}  // namespace bimodal::rpc

#include "rpc/reactor.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"
#include "rpc/refusals.h"

namespace bimodal::rpc {

namespace asio = boost::asio;

namespace {

grpc::Status status_of(const Error& error) {
  return grpc::Status(static_cast<grpc::StatusCode>(error.code), error.message);
}

// "AppCreate" of "/modal.client.ModalClient/AppCreate".
std::string name_in(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Deadline deadline_of(const grpc::ServerContextBase& context) {
  const auto at = context.deadline();
  if (at == std::chrono::system_clock::time_point::max()) return Deadline::never();
  return Deadline::after(std::chrono::duration_cast<Deadline::Clock::duration>(at - std::chrono::system_clock::now()));
}

tl::unexpected<Error> shutting_down() {
  return error(Code::Unavailable, "The server is shutting down");
}

void serialize(const Message& message, grpc::ByteBuffer& bytes) {
  bytes.Clear();  // a stream's earlier message; the writer wants an empty buffer
  bool own_buffer = false;
  const auto status = grpc::GenericSerialize<grpc::ProtoBufferWriter, Message>(message, &bytes, &own_buffer);
  if (!status.ok()) log::error("serializing {}: {}", message.GetTypeName(), status.error_message());
}

}  // namespace

Reactor* Reactor::start(Dispatcher& dispatcher, grpc::GenericCallbackServerContext& context) {
  auto reactor = std::make_shared<Reactor>(dispatcher, context);
  reactor->self_ = reactor;
  reactor->accept();
  return reactor.get();
}

Reactor::Reactor(Dispatcher& dispatcher, grpc::GenericCallbackServerContext& context)
    : dispatcher_(dispatcher), context_(context), written_(dispatcher.executor) {}

void Reactor::accept() {
  call_.rpc = name_in(context_.method());
  method_ = dispatcher_.service.find(context_.method());
  // Also for an RPC of the router's that isn't served: a client without a good token would ask for another one first.
  const bool by_bearer = context_.method().starts_with("/modal.task_command_router.");
  const auto credentials = by_bearer ? Credentials::Bearer : Credentials::Token;
  auto caller =
      identify(context_, call_.rpc, credentials, dispatcher_.tokens, dispatcher_.connections, dispatcher_.guesses);
  if (!caller) {
    Finish(status_of(caller.error()));
    return;
  }
  call_.caller = *std::move(caller);
  if (dispatcher_.refuses_clients && call_.caller.kind != Caller::Kind::Container) {
    Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "The server is shutting down"));
    return;
  }
  call_.deadline = deadline_of(context_);
  if (method_ == nullptr) {
    Finish(status_of(refusal_of(call_.rpc)));
    return;
  }
  StartRead(&request_bytes_);
}

void Reactor::OnReadDone(bool ok) {
  if (!ok) {
    Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, call_.rpc + " came without a request message"));
    return;
  }
  request_.reset(method_->request->New());
  const auto parsed = grpc::GenericDeserialize<grpc::ProtoBufferReader, Message>(&request_bytes_, request_.get());
  if (!parsed.ok()) {
    Finish(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, call_.rpc + ": the request message can't be read"));
    return;
  }
  asio::post(dispatcher_.executor, [self = shared_from_this()] { self->run(); });
}

void Reactor::OnWriteDone(bool ok) {
  asio::post(dispatcher_.executor, [self = shared_from_this(), ok] {
    self->writing_ = false;
    if (!ok) self->caller_gone_ = true;
    if (self->after_write_) self->Finish(*self->after_write_);
    self->written_.notify_all();
  });
}

void Reactor::OnCancel() {
  asio::post(dispatcher_.executor, [self = shared_from_this()] {
    self->caller_gone_ = true;
    if (self->method_ != nullptr && self->kind() != Kind::Mutation) self->cancel();
  });
}

void Reactor::OnDone() {
  // Ends on the loop, because the coroutine's side may still be at work there.
  asio::post(dispatcher_.executor, [self = std::move(self_)] {});
}

void Reactor::cancel() {
  cancellation_.emit(asio::cancellation_type::terminal);
}

void Reactor::run() {
  if (dispatcher_.closing) return finish(shutting_down());
  if (caller_gone_) return finish(error(Code::Cancelled, "{} was cancelled", call_.rpc));
  // Since accept() it may have been revoked, which ends only calls that run.
  if (call_.caller.kind == Caller::Kind::Client && !dispatcher_.tokens.is_good(call_.caller.token_id, unix_now())) {
    return finish(error(Code::Unauthenticated, "Token {} has been revoked", call_.caller.token_id));
  }
  dispatcher_.add(*this);
  auto ended = [self = shared_from_this()](std::exception_ptr) { self->dispatcher_.remove(*self); };
  asio::co_spawn(
      dispatcher_.executor, answer(shared_from_this()),
      asio::bind_cancellation_slot(cancellation_.slot(), std::move(ended)));
}

Task<void> Reactor::wait_while_held(std::shared_ptr<Reactor> self) {
  while (self->dispatcher_.holds_clients && self->is_clients()) {
    self->held_ = true;
    const bool woken = co_await self->dispatcher_.released.wait(Deadline::never());
    self->held_ = false;
    if (!woken) co_return;
  }
}

Task<void> Reactor::answer(std::shared_ptr<Reactor> self) {
  co_await wait_while_held(self);
  if (self->dispatcher_.refuses_clients && self->is_clients()) co_return self->finish(shutting_down());
  std::shared_ptr<Outlet> outlet = self;
  auto answer =
      co_await self->dispatcher_.answer(*self->method_, self->call_, std::move(self->request_), std::move(outlet));
  self->finish(std::move(answer));
}

void Reactor::finish(Result<SharedMessage> answer) {
  const bool refused = !answer && answer.error().code == Code::Unauthenticated;
  if (refused && call_.caller.kind == Caller::Kind::Anonymous) note_refused(call_, dispatcher_.guesses);
  const grpc::Status status = answer ? grpc::Status::OK : status_of(answer.error());
  if (writing_) {
    after_write_ = status;
  } else if (answer && *answer != nullptr) {
    serialize(**answer, reply_bytes_);
    StartWriteAndFinish(&reply_bytes_, grpc::WriteOptions(), status);
  } else {
    Finish(status);
  }
}

Task<bool> Reactor::write(SharedMessage message) {
  if (caller_gone_ || writing_) co_return false;
  serialize(*message, reply_bytes_);
  writing_ = true;
  StartWrite(&reply_bytes_);
  while (writing_) {
    const bool woken = co_await written_.wait(Deadline::never());
    if (!woken) co_return false;  // cancelled; the write goes on with our buffer, finish() waits for it
  }
  co_return !caller_gone_;
}

}  // namespace bimodal::rpc

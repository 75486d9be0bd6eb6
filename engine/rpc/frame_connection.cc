#include "rpc/frame_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/log.h"
#include "rpc/refusals.h"

namespace bimodal::rpc {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kReadAhead = 64 * 1024;
constexpr std::size_t kKeptCapacity = 1 << 20;  // once a large message has gone

std::string name_in(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace

// Keeps its connection until it has ended.
class FrameConnection::RunningCall final : public Running, public std::enable_shared_from_this<RunningCall> {
 public:
  RunningCall(
      std::shared_ptr<FrameConnection> connection, std::uint32_t number, const Method& method, Call call,
      std::unique_ptr<Message> request)
      : connection_(std::move(connection)),
        number_(number),
        method_(method),
        call_(std::move(call)),
        request_(std::move(request)) {}

  Kind kind() const override { return method_.kind; }
  bool is_clients() const override { return false; }
  void cancel() override { cancellation_.emit(asio::cancellation_type::terminal); }

  void start() {
    Dispatcher& dispatcher = connection_->dispatcher_;
    dispatcher.add(*this);
    auto ended = [self = shared_from_this()](std::exception_ptr) { self->connection_->dispatcher_.remove(*self); };
    asio::co_spawn(
        dispatcher.executor, answer(shared_from_this()),
        asio::bind_cancellation_slot(cancellation_.slot(), std::move(ended)));
  }

 private:
  static Task<void> answer(std::shared_ptr<RunningCall> self) {
    const auto answer =
        co_await self->connection_->dispatcher_.answer(self->method_, self->call_, std::move(self->request_), nullptr);
    self->connection_->end(self->number_, answer);
  }

  const std::shared_ptr<FrameConnection> connection_;
  const std::uint32_t number_;
  const Method& method_;
  const Call call_;
  std::unique_ptr<Message> request_;
  asio::cancellation_signal cancellation_;
};

FrameConnection::FrameConnection(Dispatcher& dispatcher, UniqueFd connection, std::string task_id)
    : dispatcher_(dispatcher),
      socket_(dispatcher.executor, asio::local::stream_protocol(), connection.release()),
      eased_(dispatcher.executor) {
  caller_.kind = Caller::Kind::Container;
  caller_.task_id = std::move(task_id);
}

Task<void> FrameConnection::serve(std::shared_ptr<FrameConnection> self) {
  while (true) {
    const bool read = co_await self->read();
    if (!read) break;
    const auto taken = self->take_frames();
    if (!taken) {
      log::debug("container {}: its connection is closed: {}", self->caller_.task_id, taken.error().message);
      break;
    }
    bool eased = true;
    while (eased && self->is_full()) eased = co_await self->eased_.wait(Deadline::never());
    if (!eased) break;
  }
  boost::system::error_code ignored;
  self->socket_.close(ignored);
  const auto left = self->calls_;
  for (const auto& [number, call] : left) {
    if (call->kind() != Kind::Mutation) call->cancel();
  }
}

Task<bool> FrameConnection::read() {
  const std::size_t before = received_.size();
  received_.resize(before + kReadAhead);
  boost::system::error_code failure;
  const std::size_t size = co_await socket_.async_read_some(
      asio::buffer(received_.data() + before, kReadAhead), asio::redirect_error(asio::use_awaitable, failure));
  received_.resize(before + size);
  co_return !failure;
}

Result<void> FrameConnection::take_frames() {
  std::string_view bytes = received_;
  if (!greeted_) {
    TRY(auto version, take_greeting(bytes));
    if (!version) return {};
    caller_.client_version = *std::move(version);
    greeted_ = true;
  }
  while (true) {
    TRY(const auto frame, take_call_frame(bytes));
    if (!frame) break;
    if (!frame->cancels) {
      if (calls_.contains(frame->number)) return error(Code::InvalidArgument, "call {} runs already", frame->number);
      begin(*frame);
    } else if (auto found = calls_.find(frame->number); found != calls_.end()) {
      const auto call = found->second;
      if (call->kind() != Kind::Mutation) call->cancel();
    }
  }
  received_.erase(0, received_.size() - bytes.size());
  if (received_.empty() && received_.capacity() > kKeptCapacity) received_ = {};
  return {};
}

void FrameConnection::begin(const CallFrame& frame) {
  const std::string path(frame.path);
  Call call;
  call.rpc = name_in(path);
  call.caller = caller_;
  call.caller.idempotency_key = frame.idempotency_key;
  if (frame.timeout_ms > 0) call.deadline = Deadline::after(std::chrono::milliseconds(frame.timeout_ms));
  const Method* method = dispatcher_.service.find(path);
  const auto fail = [&](Error error) { end(frame.number, tl::unexpected<Error>(std::move(error))); };
  if (method == nullptr || method->kind == Kind::Stream || method->by_bearer) return fail(refusal_of(call.rpc));
  if (dispatcher_.closing) return fail({Code::Unavailable, "The server is shutting down"});
  std::unique_ptr<Message> request(method->request->New());
  if (!request->ParseFromArray(frame.request.data(), static_cast<int>(frame.request.size()))) {
    return fail({Code::InvalidArgument, call.rpc + ": the request message can't be read"});
  }
  auto running =
      std::make_shared<RunningCall>(shared_from_this(), frame.number, *method, std::move(call), std::move(request));
  calls_.emplace(frame.number, running);
  running->start();
}

void FrameConnection::end(std::uint32_t number, const Result<SharedMessage>& answer) {
  calls_.erase(number);
  if (answer) {
    const Message& message = **answer;
    append_answer_head(number, Code::Ok, message.ByteSizeLong(), unsent_);
    message.AppendToString(&unsent_);
  } else {
    append_answer_head(number, answer.error().code, answer.error().message.size(), unsent_);
    unsent_ += answer.error().message;
  }
  send();
  eased_.notify_all();
}

// At once what the kernel takes; the rest when it takes more.
void FrameConnection::send() {
  if (sending_) return;
  const ssize_t sent = ::send(socket_.native_handle(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) unsent_.erase(0, static_cast<std::size_t>(sent));
  if (unsent_.empty()) return;
  sending_ = true;
  asio::co_spawn(dispatcher_.executor, send_rest(shared_from_this()), [](std::exception_ptr) {});
}

Task<void> FrameConnection::send_rest(std::shared_ptr<FrameConnection> self) {
  boost::system::error_code failure;
  while (!self->unsent_.empty() && !failure) {
    const std::string part = std::exchange(self->unsent_, {});
    co_await asio::async_write(self->socket_, asio::buffer(part), asio::redirect_error(asio::use_awaitable, failure));
    self->eased_.notify_all();
  }
  if (failure) self->unsent_.clear();  // it has hung up
  self->sending_ = false;
}

}  // namespace bimodal::rpc

#include "rpc/host.h"

#include <grpc/support/log.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <thread>

#include "async/scope.h"
#include "base/log.h"
#include "rpc/dispatcher.h"
#include "rpc/frame_connection.h"
#include "rpc/reactor.h"

namespace bimodal::rpc {

namespace asio = boost::asio;

namespace {

// Says that connections were refused, but not so often that a container could fill the log by asking for more.
// Loop-bound.
class Refusals {
 public:
  void note(const std::string& task_id, const std::string& why) {
    ++unsaid_;
    if (!next_.passed()) return;
    log::warning("container {}: {} ({} refused since the last such line)", task_id, why, unsaid_);
    unsaid_ = 0;
    next_ = Deadline::after(kPause);
  }

 private:
  static constexpr auto kPause = std::chrono::seconds(10);
  Deadline next_ = Deadline::after({});
  std::uint64_t unsaid_ = 0;
};

// What a connection begins with; 0 when it ended first, or the wait was cancelled. Takes nothing away.
Task<char> first_byte(asio::any_io_executor executor, int connection) {
  asio::posix::stream_descriptor descriptor(executor, connection);
  boost::system::error_code failure;
  co_await descriptor.async_wait(
      asio::posix::stream_descriptor::wait_read, asio::redirect_error(asio::use_awaitable, failure));
  descriptor.release();
  char first = 0;
  if (!failure && ::recv(connection, &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1) first = 0;
  co_return first;
}

}  // namespace

struct Host::State : grpc::CallbackGenericService {
  State(asio::any_io_executor control, const Service& service, Token token)
      : dispatcher(control, service, std::move(token)), scope(control, "container connections") {}

  // Frames of ours or HTTP/2: the first byte tells.
  Task<void> serve(UniqueFd connection, std::string task_id) {
    const char first = co_await first_byte(dispatcher.executor, connection.get());
    if (first == kFramesGreeting.front()) {
      auto frames = std::make_shared<FrameConnection>(dispatcher, std::move(connection), std::move(task_id));
      co_await FrameConnection::serve(std::move(frames));
    } else if (first != 0) {
      grpc::AddInsecureChannelFromFd(server.get(), connection.release());
    }
  }

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    return Reactor::start(dispatcher, *context);
  }

  Dispatcher dispatcher;
  Scope scope;
  Refusals refusals;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};

namespace {

constexpr int kFlowControlWindow = 16 << 20;  // bytes a client may send ahead on one stream

// gRPC's own lines belong in our log, and are for debugging: what matters reaches us as a status.
void log_grpc_line(gpr_log_func_args* line) {
  log::debug("grpc: {}", line->message);
}

// Protocol §0.2, §0.3: JavaScript and Go clients ping every 30 s, also with nothing in flight.
void set_channel_arguments(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kFlowControlWindow);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
}

// gRPC doesn't say why it couldn't bind; the system does.
tl::unexpected<Error> bind_failure(const std::string& address) {
  const auto colon = address.rfind(':');
  boost::system::error_code failure;
  const auto host = asio::ip::make_address(address.substr(0, colon), failure);
  if (colon == std::string::npos || failure) {
    return error(Code::InvalidArgument, "{} is not an address to listen on; expected HOST:PORT", address);
  }
  asio::io_context context;
  asio::ip::tcp::acceptor acceptor(context);
  const asio::ip::tcp::endpoint endpoint(host, static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1)));
  acceptor.open(endpoint.protocol());
  acceptor.bind(endpoint, failure);
  if (failure == asio::error::address_in_use) {
    return error(
        Code::AlreadyExists, "{} is in use by another program; stop that one or choose another address", address);
  }
  return error(Code::InvalidArgument, "Can't listen on {}: {}", address, failure.message());
}

}  // namespace

Result<std::unique_ptr<Host>> Host::listen(
    const std::string& address, Token token, asio::any_io_executor control, const Service& service) {
  static std::once_flag log_taken;
  std::call_once(log_taken, [] { gpr_set_log_function(log_grpc_line); });
  auto state = std::make_unique<State>(control, service, std::move(token));
  grpc::ServerBuilder builder;
  set_channel_arguments(builder);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &state->port);
  builder.RegisterCallbackGenericService(state.get());
  state->server = builder.BuildAndStart();
  if (!state->server) return bind_failure(address);
  return std::unique_ptr<Host>(new Host(std::move(state)));
}

Host::Host(std::unique_ptr<State> state) : state_(std::move(state)) {}

Host::~Host() = default;

std::uint16_t Host::port() const {
  return static_cast<std::uint16_t>(state_->port);
}

void Host::adopt(UniqueFd connection, std::string task_id) {
  auto enlisted = state_->dispatcher.connections.enlist(std::move(connection), task_id);
  if (!enlisted) {
    state_->refusals.note(task_id, enlisted.error().message);
    return;
  }
  auto shared = std::make_shared<UniqueFd>(*std::move(enlisted));
  asio::post(state_->dispatcher.executor, [state = state_.get(), shared, task_id = std::move(task_id)] {
    state->scope.spawn(state->serve(std::move(*shared), task_id));
  });
}

void Host::write_metrics(metrics::Page& page) const {
  auto& family = page.family("bimodal_rpcs_total", "RPCs that a handler has answered", metrics::Type::Counter);
  for (const auto& [rpc, count] : state_->dispatcher.answered) {
    family.add({{"rpc_method", rpc.first}, {"rpc_response_status_code", name_of(rpc.second)}}, count);
  }
}

void Host::refuse_clients() {
  state_->dispatcher.refuses_clients = true;
}

Task<void> Host::close(Deadline grace) {
  // Not to be left halfway: a thread works with this frame.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await state_->dispatcher.close(grace);
  co_await state_->scope.close();
  // Shutdown() blocks until every call is finished, and finishing passes through this loop.
  Pulse ended(state_->dispatcher.executor);
  bool shut_down = false;
  std::thread shutting([this, &ended, &shut_down] {
    state_->server->Shutdown(std::chrono::system_clock::now());
    asio::post(state_->dispatcher.executor, [&ended, &shut_down] {
      shut_down = true;
      ended.notify_all();
    });
  });
  while (!shut_down) co_await ended.wait(Deadline::never());
  shutting.join();
}

}  // namespace bimodal::rpc

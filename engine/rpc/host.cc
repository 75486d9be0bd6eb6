#include "rpc/host.h"

#include <fcntl.h>
#include <grpc/support/log.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>

#include "async/accept.h"
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

// Of a connection's other end, without its port; "?" when that has gone already.
std::string address_of(int connection) {
  asio::ip::tcp::endpoint peer;
  auto size = static_cast<socklen_t>(peer.capacity());
  if (::getpeername(connection, peer.data(), &size) != 0) return "?";
  return peer.address().to_string();
}

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
  State(asio::any_io_executor control, const Service& service, const Tokens& tokens)
      : dispatcher(control, service, tokens), scope(control, "container connections") {}

  // Frames of ours or HTTP/2: the first byte tells.
  Result<UniqueFd> copy_of_listener() const {
    UniqueFd copy(::fcntl(listener.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy) return errno_error(errno, "the API's listening socket");
    return copy;
  }

  void accept_clients() {
    auto copy = copy_of_listener();
    if (!copy) return log::error("no client is accepted: {}", copy.error().message);
    accepting = std::make_unique<Scope>(dispatcher.executor, "clients of the API");
    auto take = [this](UniqueFd connection) {
      std::string address = address_of(connection.get());
      take_client(std::move(connection), Peer{.task_id = "", .address = std::move(address)});
    };
    accepting->spawn(accept_connections(*std::move(copy), "the API", std::move(take)));
  }

  // Any thread.
  void take_client(UniqueFd connection, Peer client) {
    const int on = 1;
    ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // fails for what isn't TCP
    auto enlisted = dispatcher.connections.enlist_client(std::move(connection), std::move(client));
    if (!enlisted) return log::warning("a client's connection is closed: {}", enlisted.error().message);
    grpc::AddInsecureChannelFromFd(server.get(), enlisted->release());
  }

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
  std::unique_ptr<Scope> accepting;  // clients; none while nobody does
  Refusals refusals;
  UniqueFd listener;
  std::unique_ptr<grpc::Server> server;
  std::uint16_t port = 0;
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
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
}

constexpr int kBacklog = 1024;

Result<asio::ip::tcp::endpoint> endpoint_of(const std::string& address) {
  const auto colon = address.rfind(':');
  std::string name = address.substr(0, colon);
  if (name == "localhost") name = "127.0.0.1";
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  boost::system::error_code failure;
  const auto host = asio::ip::make_address(name, failure);
  if (colon == std::string::npos || failure) {
    return error(Code::InvalidArgument, "{} is not an address to listen on; expected HOST:PORT", address);
  }
  return asio::ip::tcp::endpoint(host, static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1)));
}

Result<std::uint16_t> port_of(int listener) {
  asio::ip::tcp::endpoint bound;
  auto size = static_cast<socklen_t>(bound.capacity());
  if (::getsockname(listener, bound.data(), &size) != 0) return errno_error(errno, "the API's listening socket");
  return bound.port();
}

}  // namespace

Result<UniqueFd> Host::bind(const std::string& address) {
  TRY(const auto endpoint, endpoint_of(address));
  const int family = endpoint.protocol().family();
  UniqueFd listener(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) return errno_error(errno, "socket");
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = ::bind(listener.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0;
  if (bound && ::listen(listener.get(), kBacklog) == 0) return listener;
  if (errno == EADDRINUSE) {
    return error(
        Code::AlreadyExists, "{} is in use by another program; stop that one or choose another address", address);
  }
  return error(Code::InvalidArgument, "Can't listen on {}: {}", address, std::strerror(errno));
}

Result<std::unique_ptr<Host>> Host::listen(
    const std::string& address, const Tokens& tokens, asio::any_io_executor control, const Service& service) {
  TRY(UniqueFd listener, bind(address));
  TRY(auto host, serve(std::move(listener), tokens, std::move(control), service));
  asio::post(host->state_->dispatcher.executor, [state = host->state_.get()] { state->accept_clients(); });
  return host;
}

Result<std::unique_ptr<Host>> Host::serve(
    UniqueFd listener, const Tokens& tokens, asio::any_io_executor control, const Service& service) {
  static std::once_flag log_taken;
  std::call_once(log_taken, [] { gpr_set_log_function(log_grpc_line); });
  auto state = std::make_unique<State>(control, service, tokens);
  TRY(state->port, port_of(listener.get()));
  state->listener = std::move(listener);
  grpc::ServerBuilder builder;
  set_channel_arguments(builder);
  builder.RegisterCallbackGenericService(state.get());
  state->server = builder.BuildAndStart();
  if (!state->server) return error(Code::Internal, "gRPC doesn't start");
  return std::unique_ptr<Host>(new Host(std::move(state)));
}

Host::Host(std::unique_ptr<State> state) : state_(std::move(state)) {}

Host::~Host() = default;

std::uint16_t Host::port() const {
  return state_->port;
}

void Host::accept_clients() {
  state_->accept_clients();
}

Result<UniqueFd> Host::share_listener() const {
  return state_->copy_of_listener();
}

Task<void> Host::hold_clients(Deadline deadline) {
  state_->dispatcher.hold_clients();
  if (state_->accepting) co_await state_->accepting->close();
  state_->accepting.reset();
  co_await state_->dispatcher.wait_for_clients_mutations(deadline);
}

void Host::release_clients() {
  state_->dispatcher.release_clients();
  state_->accept_clients();
}

void Host::leave_clients() {
  // First of all, so that nobody asks again over a connection on which all is refused.
  state_->dispatcher.connections.cut_clients();
  state_->dispatcher.refuses_clients = true;
  state_->dispatcher.release_clients();
  state_->listener.reset();
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

void Host::adopt_client(UniqueFd connection, std::string address) {
  state_->take_client(std::move(connection), Peer{.task_id = "", .address = std::move(address), .over_edge = true});
}

void Host::end_calls(const std::function<bool(const Caller&)>& is_meant) {
  state_->dispatcher.end_calls(is_meant);
}

void Host::refuse_clients() {
  state_->dispatcher.refuses_clients = true;
}

Task<void> Host::close(Deadline grace) {
  // Not to be left halfway: a thread works with this frame.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  if (state_->accepting) co_await state_->accepting->close();
  state_->dispatcher.release_clients();
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

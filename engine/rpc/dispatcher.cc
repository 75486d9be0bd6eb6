#include "rpc/dispatcher.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "base/log.h"

namespace bimodal::rpc {
namespace {

Error shutting_down() {
  return {Code::Unavailable, "The server is shutting down"};
}

}  // namespace

void Dispatcher::remove(Running& call) {
  running.erase(&call);
  if (call.kind() == Kind::Mutation) mutated.notify_all();
  if (running.empty()) idle.notify_all();
}

Task<Result<SharedMessage>> Dispatcher::answer(
    const Method& method, Call call, std::unique_ptr<Message> request, std::shared_ptr<Outlet> outlet) {
  const std::string rpc = call.rpc;
  Result<SharedMessage> answer = error(Code::Cancelled, "{} was cancelled", rpc);
  try {
    if (method.kind == Kind::Mutation) {
      answer = co_await replays.run_once(method, std::move(call), std::move(request));
    } else {
      answer = co_await method.run(std::move(call), std::move(request), std::move(outlet));
    }
    // A handler may take its cancellation for the end of what it streams.
    if (method.kind == Kind::Stream && closing) answer = tl::unexpected<Error>(shutting_down());
  } catch (const boost::system::system_error& thrown) {
    if (thrown.code() != boost::asio::error::operation_aborted) {
      log::error("{}: {}", rpc, thrown.what());
      answer = error(Code::Internal, "{} failed inside the server; its log says why", rpc);
    } else if (closing) {
      answer = tl::unexpected<Error>(shutting_down());
    }
  } catch (const std::exception& thrown) {
    log::error("{}: {}", rpc, thrown.what());
    answer = error(Code::Internal, "{} failed inside the server; its log says why", rpc);
  }
  ++answered[{method.name, answer ? Code::Ok : answer.error().code}];
  co_return answer;
}

void Dispatcher::release_clients() {
  holds_clients = false;
  released.notify_all();
}

Task<void> Dispatcher::wait_for_clients_mutations(Deadline deadline) {
  const auto changes = [](const Running* call) { return call->is_clients() && call->kind() == Kind::Mutation; };
  while (std::any_of(running.begin(), running.end(), changes) && co_await mutated.wait(deadline)) {
  }
}

void Dispatcher::end_calls(const std::function<bool(const Caller&)>& is_meant) {
  const std::unordered_set<Running*> callers = running;
  for (Running* call : callers) {
    if (!running.contains(call) || call->kind() == Kind::Mutation) continue;
    if (const Caller* client = call->client(); client != nullptr && is_meant(*client)) call->cancel();
  }
}

Task<void> Dispatcher::close(Deadline grace) {
  closing = true;
  const std::unordered_set<Running*> callers = running;
  for (Running* call : callers) {
    if (running.contains(call) && call->kind() != Kind::Mutation) call->cancel();
  }
  while (!running.empty() && !grace.passed()) co_await idle.wait(grace);
  const std::unordered_set<Running*> late = running;
  for (Running* call : late) {
    if (running.contains(call)) call->cancel();
  }
  while (!running.empty()) co_await idle.wait(Deadline::never());
}

}  // namespace bimodal::rpc

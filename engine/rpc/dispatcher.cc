#include "rpc/dispatcher.h"

#include "rpc/reactor.h"

namespace bimodal::rpc {

Task<void> Dispatcher::close(Deadline grace) {
  closing = true;
  const std::unordered_set<Reactor*> callers = running;
  for (Reactor* reactor : callers) {
    if (running.contains(reactor) && reactor->kind() != Kind::Mutation) reactor->cancel();
  }
  while (!running.empty() && !grace.passed()) co_await idle.wait(grace);
  const std::unordered_set<Reactor*> late = running;
  for (Reactor* reactor : late) {
    if (running.contains(reactor)) reactor->cancel();
  }
  while (!running.empty()) co_await idle.wait(Deadline::never());
}

}  // namespace bimodal::rpc
